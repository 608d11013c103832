"""The summary of requests."""

from __future__ import annotations

import time

from fastapi import APIRouter, Response

from gestalt_contracts.events import now, rfc3339
from gestalt_telemetry.routes.state import Resources, reply

router = APIRouter()


@router.get("/api/metrics/summary")
async def summary(state: Resources) -> Response:
    """The last hour: what is asked most, what is slow, who asks, what fails."""
    return reply(state["summary"].told(time.time(), rfc3339(now())))
