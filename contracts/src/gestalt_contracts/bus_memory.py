"""The bus of one process: what RedisBus promises, without a server. For tests and for services run alone."""

from __future__ import annotations

import time
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from gestalt_contracts.bell import Bell
from gestalt_contracts.bus import BusUnavailable, Entry, Reset, Subscription
from gestalt_contracts.channels import INTAKE_KEPT, KEPT, Stream
from gestalt_contracts.cursors import MALFORMED, START, Extent, Place, first_place, first_sequence, gap
from gestalt_contracts.events import Event

PAGE = 64
"""Entries a reader takes at once."""


class MemoryStream:
    """What one stream keeps."""

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self.places: list[Place] = []
        self._entries: list[Entry] = []
        self._before = START
        self.bell = Bell()

    @property
    def extent(self) -> Extent:
        """What is kept now."""
        if not self.places:
            return Extent()
        return Extent(self.places[0], self.places[-1], self._before)

    def holds(self, place: Place) -> bool:
        """Whether `place` is one of the entries."""
        index = bisect_left(self.places, place)
        return index < len(self.places) and self.places[index] == place

    def after(self, place: Place) -> tuple[list[Entry], Place]:
        """The next page, and the place of its last entry."""
        index = bisect_right(self.places, place)
        page = self._entries[index : index + PAGE]
        return page, self.places[index + len(page) - 1] if page else place

    def append(self, event: Event) -> str:
        """Add an event at the end; its id."""
        place = self._next_place()
        self.places.append(place)
        self._entries.append(Entry(str(place), event))
        excess = len(self.places) - self._kept
        if excess > 0:
            self._before = self.places[excess - 1]
            del self.places[:excess], self._entries[:excess]
        self.bell.ring()
        return str(place)

    def forget(self) -> None:
        """Lose everything, as a Redis that was emptied does."""
        self.places, self._entries, self._before = [], [], START
        self.bell.ring()

    def _next_place(self) -> Place:
        now = time.time_ns() // 1_000_000
        newest = self.extent.newest
        if newest == START:
            return Place(now, first_sequence())
        return Place(now, 0) if now > newest.milliseconds else Place(newest.milliseconds, newest.sequence + 1)


class MemorySubscription:
    """A reader's place in a MemoryStream. Cancelling a wait for the next item loses nothing."""

    def __init__(self, stream: MemoryStream, after: str | None) -> None:
        self._stream = stream
        self._given: deque[Entry | Reset] = deque()
        place = first_place(after, stream.extent)
        self._place = place or START
        if place is None:
            self._tell(MALFORMED)

    def __aiter__(self) -> AsyncIterator[Entry | Reset]:
        return self

    async def __anext__(self) -> Entry | Reset:
        """The next entry, or what became of the reader's place."""
        while not self._given:
            if not self._look():
                await self._stream.bell.wait()
        return self._given.popleft()

    def _look(self) -> bool:
        reason = gap(self._place, self._stream.extent, held=self._stream.holds(self._place))
        if reason is not None:
            self._tell(reason)
            return True
        entries, self._place = self._stream.after(self._place)
        self._given.extend(entries)
        return bool(entries)

    def _tell(self, reason: str) -> None:
        extent = self._stream.extent
        self._given.append(Reset(reason, str(extent.oldest) if extent.oldest else None))
        self._place = extent.before


class InMemoryBus:
    """A Bus within one process. `away` makes publish and subscribe raise BusUnavailable, as a Redis that is gone."""

    def __init__(self, kept: Mapping[Stream, int] = KEPT, intake_kept: int = INTAKE_KEPT) -> None:
        self._streams = {stream: MemoryStream(kept[stream]) for stream in Stream}
        self._seen: set[str] = set()
        self.intake: deque[Entry] = deque(maxlen=intake_kept)
        self.intake_dropped = 0
        self.away = False

    async def publish(
        self, stream: Stream, event: Event, *, intake: bool = False, seen: str | None = None
    ) -> str | None:
        """As Bus.publish. `seen` keys are kept as long as the bus."""
        self._ensure_here()
        if seen is not None and seen in self._seen:
            return None
        if seen is not None:
            self._seen.add(seen)
        id_ = self._streams[stream].append(event)
        if intake:
            self.intake_dropped += len(self.intake) == self.intake.maxlen
            self.intake.append(Entry(id_, event))
        return id_

    @asynccontextmanager
    async def subscribe(self, stream: Stream, after: str | None = None) -> AsyncIterator[Subscription]:
        """As Bus.subscribe."""
        self._ensure_here()
        yield MemorySubscription(self._streams[stream], after)

    def forget(self) -> None:
        """Lose every event, as a Redis that was emptied does: subscriptions say `lost`."""
        for stream in self._streams.values():
            stream.forget()

    def _ensure_here(self) -> None:
        if self.away:
            raise BusUnavailable("the bus is set away")
