"""What operators of flow-service alert on."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from gestalt_contracts.service_logs import Outbox
from gestalt_flow.intake_redis import Intake
from gestalt_flow.runs_redis import RunsUnavailable
from gestalt_serving.metrics import ServiceMetrics


class IntakeAge:
    """How old the oldest event is that no replica has finished looking at; it costs a question to Redis."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self.seconds = 0.0
        """As of the last look; not a number when Redis did not say."""

    async def look(self) -> float:
        """Ask anew; what it is then."""
        try:
            oldest = await self._intake.oldest()
        except RunsUnavailable:
            self.seconds = math.nan
        else:
            self.seconds = max(0.0, time.time() - oldest / 1000) if oldest is not None else 0.0
        return self.seconds


def watch(metrics: ServiceMetrics, age: IntakeAge, busy: Callable[[], int], logs: Outbox, spans: Outbox) -> None:
    """Have it read whenever somebody looks. `busy`: activities that run here."""
    metrics.gauge("gestalt_flow_intake_age_seconds", "Of the oldest event not looked at", lambda: age.seconds)
    metrics.gauge("gestalt_flow_activities_running", "Activities that run on this replica", busy)
    metrics.watch(logs, "logs")
    metrics.watch(spans, "spans")
