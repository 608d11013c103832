"""What services tell about themselves on the bus's `logs` stream: their log records, and the requests they answered.

telemetry-service stores and counts it; a restart of it loses nothing that the stream still holds.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, MutableMapping
from typing import Any

from msgspec import Struct

from gestalt_contracts import tracing
from gestalt_contracts.bus import Bus, BusUnavailable
from gestalt_contracts.channels import Stream
from gestalt_contracts.events import Event, now

LOG_RECORDS = "log_records"
"""`data`: `{"service", "records": [{"time" (Unix ns), "level", "message", "attributes"}]}`, with
`trace_id` and `span_id` of what was written inside a span."""

REQUESTS = "requests"
"""`data`: `{"service", "requests": [{"route", "method", "status", "agent", "seconds": […]}]}`, about a second's."""

SPANS = "spans"
"""`data`: `{"service", "instance", "spans": [Span…]}`."""

METRICS = "metrics"
"""`data`: `{"service", "instance", "metrics": […]}`: OTLP's JSON of metrics."""

GATHER_SECONDS = 0.5
"""How long what was taken waits for more; nothing taken, nothing wakes."""

MOST_WAITING = 5_000
MOST_TOGETHER = 500
OWN_FIELDS = frozenset({"message", "event", "level", "timestamp", "exc_info", "exception"})

log = logging.getLogger(__name__)


class Span(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A span as it is told. Ids in hex; times are Unix ns; `kind` is OTLP's; `error` says what failed."""

    trace_id: str
    span_id: str
    parent_span_id: str = ""
    name: str
    kind: int
    start: int
    end: int
    attributes: dict[str, str | int | float | bool] = {}
    error: str = ""


class Outbox:
    """What a service tells about itself, published in batches: bounded, the oldest go first, and are counted."""

    def __init__(self, service: str, kind: str, key: str, instance: str = "") -> None:
        self._kind = kind
        self._key = key
        self._from = {"service": service, **({"instance": instance} if instance else {})}
        self._waiting: deque[Any] = deque(maxlen=MOST_WAITING)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._news = asyncio.Event()
        self.dropped = 0
        """How many were lost because the bus was away for too long."""

    @property
    def waiting(self) -> int:
        """How many are not published yet."""
        return len(self._waiting)

    def put(self, item: Any) -> None:
        """Take one, from whatever thread. Never waits, never fails."""
        self.dropped += len(self._waiting) == MOST_WAITING
        self._waiting.append(item)
        if self._loop is not None and not self._news.is_set():
            self._wake(self._loop)

    def _wake(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            loop.call_soon_threadsafe(self._news.set)
        except RuntimeError:  # the loop has ended: nobody publishes any more
            self._loop = None

    async def publish_forever(self, bus: Bus) -> None:
        """Publish what was taken, soon after it was; what cannot be published waits."""
        self._loop = asyncio.get_running_loop()
        if self._waiting:
            self._news.set()
        while True:
            await self._news.wait()
            await asyncio.sleep(GATHER_SECONDS)
            self._news.clear()
            while self._waiting and await self._published(bus):
                pass
            if self._waiting:
                self._news.set()

    async def _published(self, bus: Bus) -> bool:
        items = [self._waiting.popleft() for _ in range(min(MOST_TOGETHER, len(self._waiting)))]
        if await published(bus, self._kind, {**self._from, self._key: items}):
            return True
        room = MOST_WAITING - len(self._waiting)
        self.dropped += max(0, len(items) - room)
        self._waiting.extendleft(reversed(items[-room:] if room else []))
        return False


class LogOutbox(Outbox):
    """A processor of structlog that keeps a copy of each line."""

    def __init__(self, service: str, *, keeps: Callable[[MutableMapping[str, Any]], bool] = lambda _: True) -> None:
        super().__init__(service, LOG_RECORDS, "records")
        self._keeps = keeps

    def __call__(self, _logger: Any, method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """Take a line on its way to stderr. Never waits, never fails."""
        if self._keeps(line):
            self.put(_record(method, line))
        return line


async def published(bus: Bus, kind: str, data: dict[str, Any]) -> bool:
    """Publish on the logs stream; False when the bus is away."""
    try:
        await bus.publish(Stream.LOGS, Event(type=kind, topic="log", occurred_at=now(), data=data))
    except BusUnavailable:
        return False
    except Exception:
        log.exception("what a service tells about itself could not be published and is dropped")
    return True


def _record(method: str, line: MutableMapping[str, Any]) -> dict[str, Any]:
    attributes = {key: _plain(value) for key, value in line.items() if key not in OWN_FIELDS}
    if line.get("exception"):
        attributes["exception.stacktrace"] = str(line["exception"])
    context = tracing.current()
    traced = {"trace_id": context.trace_id, "span_id": context.span_id} if context and context.sampled else {}
    return {
        **traced,
        "time": time.time_ns(),
        "level": str(line.get("level") or method),
        "message": str(line.get("message", line.get("event", ""))),
        "attributes": attributes,
    }


def _plain(value: Any) -> str | int | float | bool:
    return value if isinstance(value, str | int | float | bool) else str(value)
