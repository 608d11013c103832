"""Events on their way to the bus: in order, kept while Redis is away, bounded, what is dropped is counted and told."""

from __future__ import annotations

import asyncio
from collections import deque

import structlog
from msgspec import Struct

from gestalt_contracts.bus import Bus, BusUnavailable
from gestalt_contracts.channels import Stream
from gestalt_contracts.events import Event

MOST_WAITING = 10_000  # a Redis restart takes seconds; a workspace makes some events a second
PAUSE = 0.25  # between tries while Redis is away

log = structlog.get_logger()


class Letter(Struct, frozen=True):
    """An event and how it is to be published."""

    event: Event
    intake: bool
    seen: str | None


class Outbox:
    """`put` never waits; `send_forever` publishes."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._waiting: deque[Letter] = deque()
        self._filled = asyncio.Event()
        self._dropped = 0

    @property
    def waiting(self) -> int:
        """How many events wait for the bus."""
        return len(self._waiting)

    def put(self, event: Event, *, intake: bool = True, seen: str | None = None) -> None:
        """Publish `event` as soon as can be. `intake`: flows may fire on it. `seen`: as in Bus.publish."""
        if len(self._waiting) >= MOST_WAITING:
            self._waiting.popleft()
            self._dropped += 1
        self._waiting.append(Letter(event, intake, seen))
        self._filled.set()

    async def send_forever(self) -> None:
        """Publish what is put, one after the other; an event leaves the line only when the bus has it."""
        while True:
            await self._filled.wait()
            while self._waiting:
                await self._send(self._waiting[0])
            self._filled.clear()

    async def _send(self, letter: Letter) -> None:
        try:
            await self._bus.publish(Stream.EVENTS, letter.event, intake=letter.intake, seen=letter.seen)
        except BusUnavailable:
            await asyncio.sleep(PAUSE)
            return
        except Exception:
            log.exception("an event could not be published and is dropped", type=letter.event.type)
        if self._waiting and self._waiting[0] is letter:  # else it was dropped while it was under way
            self._waiting.popleft()
        if self._dropped:
            log.error("events were dropped while the bus was away", count=self._dropped)
            self._dropped = 0

    async def drain(self, seconds: float) -> None:
        """Publish what still waits, for `seconds` at the most (a stopping worker, after send_forever has ended)."""
        try:
            async with asyncio.timeout(seconds):
                while self._waiting:
                    await self._send(self._waiting[0])
        except TimeoutError:
            log.warning("events left unpublished at the stop", count=len(self._waiting))
