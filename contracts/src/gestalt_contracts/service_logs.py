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

from gestalt_contracts.bus import Bus, BusUnavailable
from gestalt_contracts.channels import Stream
from gestalt_contracts.events import Event, now

LOG_RECORDS = "log_records"
"""`data`: `{"service", "records": [{"time" (Unix ns), "level", "message", "attributes"}]}`."""

REQUESTS = "requests"
"""`data`: `{"service", "requests": [{"route", "method", "status", "agent", "seconds": […]}]}`, about a second's."""

EVERY_SECONDS = 0.5
MOST_WAITING = 5_000
MOST_TOGETHER = 500
OWN_FIELDS = frozenset({"message", "event", "level", "timestamp", "exc_info", "exception"})

log = logging.getLogger(__name__)


class LogOutbox:
    """A processor of structlog that keeps a copy of each line, and publishes them: bounded, the oldest go first."""

    def __init__(self, service: str, *, keeps: Callable[[MutableMapping[str, Any]], bool] = lambda _: True) -> None:
        self._service = service
        self._keeps = keeps
        self._waiting: deque[dict[str, Any]] = deque(maxlen=MOST_WAITING)

    def __call__(self, _logger: Any, method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """Take a line on its way to stderr. Never waits, never fails."""
        if self._keeps(line):
            self._waiting.append(_record(method, line))
        return line

    async def publish_forever(self, bus: Bus) -> None:
        """Publish what was taken, twice a second; what cannot be published waits."""
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            while self._waiting and await self._published(bus):
                pass

    async def _published(self, bus: Bus) -> bool:
        records = [self._waiting.popleft() for _ in range(min(MOST_TOGETHER, len(self._waiting)))]
        data = {"service": self._service, "records": records}
        if await published(bus, LOG_RECORDS, data):
            return True
        self._waiting.extendleft(reversed(records[: MOST_WAITING - len(self._waiting)]))
        return False


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
    return {
        "time": time.time_ns(),
        "level": str(line.get("level") or method),
        "message": str(line.get("message", line.get("event", ""))),
        "attributes": attributes,
    }


def _plain(value: Any) -> str | int | float | bool:
    return value if isinstance(value, str | int | float | bool) else str(value)
