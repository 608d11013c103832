"""What others hear of runs: their progress as events, each stopped loop as a notification.

That somebody hears of a run is never worth holding the run up for: what is told waits in a line of its own, goes out
in batches, and is dropped when there is too much of it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

import structlog
from msgspec import Struct

from gestalt_contracts.bus import Bus, BusUnavailable
from gestalt_contracts.channels import Names, Stream
from gestalt_contracts.events import Event, now
from gestalt_flow.activities.toast import TOAST
from gestalt_flow.planning import Plan
from gestalt_flow.records import RUNNING, ActivityRecord, Head, moment_of

FLOW_RUN = "flow_run"
TOPIC = "flow"
MOST_WAITING = 1_000
MINUTE_MS = 60_000
AT_ONCE = 64
PAUSE_SECONDS = 0.25
"""Between tries while Redis is away."""
FLUSH_SECONDS = 1.0
"""How long a replica that stops goes on telling."""

log = structlog.get_logger()


class Letter(Struct, frozen=True):
    """An event and where it goes; `seen` as in Bus.publish."""

    stream: Stream
    event: Event
    seen: str | None = None


class Telling:
    """Nothing here waits but `forever` and `flush`."""

    def __init__(self, bus: Bus, names: Names) -> None:
        self._bus = bus
        self._names = names
        self._waiting: deque[Letter] = deque()
        self._filled = asyncio.Event()

    def begun(self, run_id: str, head: Head) -> None:
        """The first activity of a run begins."""
        self._put(Letter(Stream.EVENTS, _event(head, {"run_id": run_id, "status": RUNNING})))

    def attempted(self, run_id: str, head: Head, record: ActivityRecord, status: str) -> None:
        """An attempt has ended; `status`: of the run, if it ended with it, else ''."""
        last = record.attempts[-1]
        told = {"activity_id": record.activity_id, "activity_status": record.status, "attempt": len(record.attempts)}
        error = {"error": last.error} if last.error else {}
        self._put(Letter(Stream.EVENTS, _event(head, {"run_id": run_id, "status": status or RUNNING, **told, **error})))

    def stopped(self, plan: Plan) -> None:
        """A loop was stopped: a warning for each flow, one a minute however many runs of it were."""
        self._put(Letter(Stream.EVENTS, _event(plan.head, {"run_id": plan.id, "status": plan.status})))
        message = f"Flow {plan.head.trigger_id} {plan.head.error}"
        data = {"level": "warning", "message": message, "event_id": plan.head.event_id}
        notice = Event(
            type=TOAST,
            topic=TOAST,
            occurred_at=now(),
            session_id=plan.head.session_id,
            data=data,
            actor="flow",
            cause=plan.head.cause,
        )
        minute = moment_of(plan.id) // MINUTE_MS
        key = self._names.seen("flow", f"stopped/{plan.head.trigger_id}/{minute}")
        self._put(Letter(Stream.NOTIFICATIONS, notice, key))

    async def forever(self) -> None:
        """Publish what is put, in order."""
        while True:
            await self._filled.wait()
            self._filled.clear()
            while self._waiting:
                await self._send()

    async def flush(self) -> None:
        """Publish what still waits, for FLUSH_SECONDS at the most."""
        try:
            async with asyncio.timeout(FLUSH_SECONDS):
                while self._waiting:
                    await self._send()
        except TimeoutError:
            log.warning("runs were not told of at the stop", count=len(self._waiting))

    def _put(self, letter: Letter) -> None:
        if len(self._waiting) >= MOST_WAITING:
            self._waiting.popleft()
            log.warning("a run was not told of: too many wait for the bus")
        self._waiting.append(letter)
        self._filled.set()

    async def _send(self) -> None:
        """The first in the line, which go out together and in order."""
        letters = [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]
        sent = await asyncio.gather(*map(self._publish, letters))
        if not all(sent):
            self._waiting.extendleft(
                letter for letter, done in zip(reversed(letters), reversed(sent), strict=True) if not done
            )
            await asyncio.sleep(PAUSE_SECONDS)

    async def _publish(self, letter: Letter) -> bool:
        """Whether the bus has it, or never will."""
        try:
            await self._bus.publish(letter.stream, letter.event, seen=letter.seen)
        except BusUnavailable:
            return False
        except Exception:
            log.exception("a run could not be told of", type=letter.event.type)
        return True


def _event(head: Head, data: dict[str, Any]) -> Event:
    session = {"session_id": head.session_id} if head.session_id else {}
    return Event(
        type=FLOW_RUN,
        topic=TOPIC,
        occurred_at=now(),
        session_id=head.session_id,
        data={**data, "trigger_id": head.trigger_id, "event_id": head.event_id, **session},
        actor="flow",
        cause=head.cause,
    )
