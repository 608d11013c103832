"""Asking for stored log records."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from gestalt_telemetry.routes.parameters import Parameters
from gestalt_telemetry.routes.state import Resources, page

router = APIRouter(prefix="/api/otel/logs")


@router.get("")
async def stored_logs(request: Request, state: Resources) -> Response:
    """The last matches, oldest first."""
    asked = Parameters(request)
    return page(await state["store"].logs(asked.logs(), asked.limit()))
