"""Am I there, and can I work."""

from __future__ import annotations

from fastapi import APIRouter, Response

from gestalt_serving.metrics import TEXT_TYPE
from gestalt_telemetry.routes.state import Resources, reply

router = APIRouter()


@router.get("/healthz")
async def healthy() -> Response:
    """The event loop turns."""
    return reply({"status": "ok"})


@router.get("/metrics")
async def exposition(state: Resources) -> Response:
    """What operators alert on, in Prometheus' words."""
    state["disk"].size = await state["store"].size()
    return Response(state["metrics"].text(), media_type=TEXT_TYPE)


@router.get("/readyz")
async def ready(state: Resources) -> Response:
    """Whether there is a writer; what was set aside as damaged is said, and hinders nothing."""
    writer = state["store"].writer
    failing = [] if writer.ready.is_set() else ["writer"]
    damaged = writer.state.damaged if writer.state else 0
    body = {"ok": not failing, "failing": failing, "damaged_segments": damaged, "writer_restarts": writer.restarts}
    return reply(body, 503 if failing else 200)
