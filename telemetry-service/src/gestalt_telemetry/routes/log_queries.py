"""Asking for stored log records."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from gestalt_telemetry.queries import logs, shown
from gestalt_telemetry.routes.parameters import Parameters
from gestalt_telemetry.routes.state import Resources, answer
from gestalt_telemetry.store.reader import Reader

router = APIRouter(prefix="/api/otel/logs")


@router.get("")
async def stored_logs(request: Request, state: Resources) -> Response:
    """The last matches, oldest first."""
    asked = Parameters(request)
    wanted, limit = asked.logs(), asked.limit()

    def page(reader: Reader) -> object:
        return [shown.log(one.id, one.record, one.origin) for one in logs.newest(reader, wanted, limit)]

    return await answer(state["store"], page)
