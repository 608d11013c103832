"""Events on their way to the bus: in order, kept while Redis is away, bounded, what is dropped is counted and told."""

from __future__ import annotations

import asyncio
from collections import deque
from itertools import islice

import structlog
from msgspec import Struct

from gestalt_contracts.bus import Bus, BusUnavailable
from gestalt_contracts.channels import Stream
from gestalt_contracts.events import Event

MOST_WAITING = 10_000  # a Redis restart takes seconds; a workspace makes some events a second
AT_ONCE = 64  # events in one round trip
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
        """Publish what is put, in order; an event leaves the line only when the bus has it."""
        while True:
            await self._filled.wait()
            while self._waiting:
                await self._send()
            self._filled.clear()

    async def _send(self) -> None:
        """The first in the line, which go out together and in order."""
        letters = list(islice(self._waiting, AT_ONCE))
        sent = await asyncio.gather(*map(self._publish, letters))
        for letter, done in zip(letters, sent, strict=True):
            if done and letter in self._waiting:  # else it was dropped while it was under way
                self._waiting.remove(letter)
        if self._dropped:
            log.error("events were dropped while the bus was away", count=self._dropped)
            self._dropped = 0
        if not all(sent):
            await asyncio.sleep(PAUSE)

    async def _publish(self, letter: Letter) -> bool:
        """Whether the bus has it, or never will."""
        try:
            await self._bus.publish(Stream.EVENTS, letter.event, intake=letter.intake, seen=letter.seen)
        except BusUnavailable:
            return False
        except Exception:
            log.exception("an event could not be published and is dropped", type=letter.event.type)
        return True

    async def drain(self, seconds: float) -> None:
        """Publish what still waits, for `seconds` at the most (a stopping worker, after send_forever has ended)."""
        try:
            async with asyncio.timeout(seconds):
                while self._waiting:
                    await self._send()
        except TimeoutError:
            log.warning("events left unpublished at the stop", count=len(self._waiting))
