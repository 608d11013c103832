"""What others hear of runs: the end of each as an event, each stopped loop as a notification."""

from __future__ import annotations

import structlog

from gestalt_contracts.bus import Bus, BusUnavailable
from gestalt_contracts.channels import Names, Stream
from gestalt_contracts.events import Cause, Event, now
from gestalt_flow.activities.toast import TOAST
from gestalt_flow.line_redis import Begun
from gestalt_flow.planning import Plan
from gestalt_flow.records import Head

FLOW_RUN = "flow_run"
TOPIC = "flow"

log = structlog.get_logger()


class Telling:
    """Publishes. That somebody hears of a run is never worth holding the run up for."""

    def __init__(self, bus: Bus, names: Names) -> None:
        self._bus = bus
        self._names = names

    async def run(self, run_id: str, begun: Begun, status: str) -> None:
        """A run has ended."""
        await self._publish(Stream.EVENTS, _event(begun.head, {"run_id": run_id, "status": status}))

    async def stopped(self, plan: Plan) -> None:
        """A loop was stopped."""
        await self._publish(Stream.EVENTS, _event(plan.head, {"run_id": plan.id, "status": plan.status}))
        message = f"Flow {plan.head.trigger_id} {plan.head.error}"
        data = {"level": "warning", "message": message, "event_id": plan.head.event_id}
        notice = Event(
            type=TOAST,
            topic=TOAST,
            occurred_at=now(),
            session_id=plan.head.session_id,
            data=data,
            actor="flow",
            cause=Cause(plan.head.event_id, plan.head.depth),
        )
        await self._publish(Stream.NOTIFICATIONS, notice, seen=self._names.seen("flow", f"stopped/{plan.id}"))

    async def _publish(self, stream: Stream, event: Event, *, seen: str | None = None) -> None:
        try:
            await self._bus.publish(stream, event, seen=seen)
        except BusUnavailable as error:
            log.warning("a run could not be told of", error=str(error))


def _event(head: Head, data: dict[str, str]) -> Event:
    return Event(
        type=FLOW_RUN,
        topic=TOPIC,
        occurred_at=now(),
        session_id=head.session_id,
        data={**data, "trigger_id": head.trigger_id, "event_id": head.event_id},
        actor="flow",
        cause=Cause(head.event_id, head.depth),
    )
