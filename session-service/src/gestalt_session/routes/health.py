"""Am I there, and can I work."""

from __future__ import annotations

from fastapi import APIRouter, Response

from gestalt_contracts.directory import DirectoryUnavailable
from gestalt_serving.metrics import TEXT_TYPE
from gestalt_session.routes.state import Resources, reply

router = APIRouter()


@router.get("/healthz")
async def healthy() -> Response:
    """The event loop turns."""
    return reply({"status": "ok"})


@router.get("/metrics")
async def exposition(state: Resources) -> Response:
    """What operators alert on, in Prometheus' words."""
    return Response(state["metrics"].text(), media_type=TEXT_TYPE)


@router.get("/readyz")
async def ready(state: Resources) -> Response:
    """Which of what new sessions need is missing."""
    failing = []
    try:
        await state["directory"].server_id()
    except DirectoryUnavailable:
        failing.append("redis")
    return reply({"ok": not failing, "failing": failing}, 503 if failing else 200)
