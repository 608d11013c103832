"""Am I there, and can I work."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Response

from gestalt_contracts.redis_client import away_as
from gestalt_flow.routes.state import Resources, reply
from gestalt_flow.runs_redis import RunsUnavailable
from gestalt_serving.metrics import TEXT_TYPE

router = APIRouter()
PROBE_SECONDS = 1.0


@router.get("/healthz")
async def healthy() -> Response:
    """The event loop turns."""
    return reply({"status": "ok"})


@router.get("/metrics")
async def exposition(state: Resources) -> Response:
    """What operators alert on, in Prometheus' words."""
    await state["intake_age"].look()
    return Response(state["metrics"].text(), media_type=TEXT_TYPE)


@router.get("/readyz")
async def ready(state: Resources) -> Response:
    """Which of what flows need is missing."""
    failing = ["stopping"] if state["stopping"].is_set() else []
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            with away_as(RunsUnavailable):
                await state["client"].ping()
    except (RunsUnavailable, TimeoutError):
        failing.append("redis")
    return reply({"ok": not failing, "failing": failing}, 503 if failing else 200)
