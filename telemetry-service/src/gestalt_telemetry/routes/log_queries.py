"""Asking for stored log records."""

from __future__ import annotations

from functools import partial

from fastapi import APIRouter, Request, Response

from gestalt_telemetry.queries import logs, shown
from gestalt_telemetry.routes.parameters import Parameters
from gestalt_telemetry.routes.state import Resources, reply

router = APIRouter(prefix="/api/otel/logs")


@router.get("")
async def stored_logs(request: Request, state: Resources) -> Response:
    """The last matches, oldest first."""
    asked = Parameters(request)
    found = await state["store"].ask(partial(logs.newest, wanted=asked.logs(), limit=asked.limit()))
    return reply([shown.log(one.id, one.record, one.origin) for one in found])
