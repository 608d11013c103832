"""Log records as they come: read once for all who listen, each of them a place in the order of arrival."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from msgspec import Struct

from gestalt_telemetry.store.port import PAGE, Line, Store

KEPT_LINES = 8_192
"""Newest records kept ready for listeners; who is further behind reads the store."""
GATHER_SECONDS = 0.02
"""Between two reads: many small commits are read together."""
RETRY_SECONDS = 0.5
ATTRIBUTES = b'"attributes":['
REPLAYED = b'{"key":"gestalt.replay_window","value":{"stringValue":"1h"}}'


class Filter(Struct):
    """What a listener wants: a least level, one session, a text (case-folded)."""

    level: int = 0
    session: str = ""
    text: str = ""

    def wants(self, line: Line) -> bool:
        """Whether it is to be shown."""
        if line.level < self.level:
            return False
        if self.session and not line.of_session(self.session):
            return False
        return not self.text or self.text in line.text


class Dropped(Struct, frozen=True):
    """What came next has left the store meanwhile: the stream goes on at `oldest`."""

    oldest: int


class Feed:
    """Follows the store as long as somebody listens."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lines: list[Line] = []
        self._ids: list[int] = []
        self._floor = 0
        self._listeners = 0

    @property
    def listeners(self) -> int:
        """How many follow."""
        return self._listeners

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Somebody follows."""
        if self._listeners == 0:
            self._begin_at(self._store.last_log)
        self._listeners += 1
        self._store.bell.ring()
        try:
            yield
        finally:
            self._listeners -= 1

    async def run(self) -> None:
        """Read what is new, for ever."""
        while True:
            if self._listeners and self._newest < self._store.last_log:
                await self._read()
            else:
                await self._store.bell.wait()

    async def lines(self, after: int) -> AsyncIterator[list[Line] | Dropped]:
        """Pages of records that come after a place, without end."""
        while True:
            page = self._after(after)
            if page is None:
                page = await self._store.lines_after(after)
                if not page:  # the place is beyond what was committed: wait for the feed to come by
                    page = self._after(max(after, self._floor)) or []
            if page:
                if page[0].id > after + 1 and await self._was_dropped(after + 1):
                    yield Dropped(page[0].id)
                after = page[-1].id
                yield page
            else:
                await self._store.bell.wait()

    async def _was_dropped(self, place: int) -> bool:
        """Whether a gap is retention's; ids are also left free after damage, which takes no record."""
        oldest = await self._store.oldest_log()
        return oldest is not None and oldest > place

    @property
    def _newest(self) -> int:
        return self._ids[-1] if self._ids else self._floor

    def _begin_at(self, place: int) -> None:
        self._lines.clear()
        self._ids.clear()
        self._floor = place

    async def _read(self) -> None:
        try:
            found = await self._store.lines_after(self._newest)
        except Exception:  # noqa: BLE001 - whatever the store says, listeners wait for better times
            await asyncio.sleep(RETRY_SECONDS)
            return
        self._lines += found
        self._ids += [line.id for line in found]
        if len(self._ids) > 2 * KEPT_LINES:
            self._floor = self._ids[-KEPT_LINES - 1]
            del self._lines[:-KEPT_LINES], self._ids[:-KEPT_LINES]
        if not found:  # ids may be skipped after damage
            self._begin_at(self._store.last_log)
        self._store.bell.ring()
        if len(found) < PAGE:
            await asyncio.sleep(GATHER_SECONDS)

    def _after(self, place: int) -> list[Line] | None:
        """What is ready after a place; None if it is too far back."""
        if place < self._floor:
            return None
        at = bisect_right(self._ids, place)
        return self._lines[at : at + PAGE]


def replayed(line: Line) -> bytes:
    """The JSON of a record that was there before the listener came: one attribute more."""
    head, key, tail = line.json.partition(ATTRIBUTES)  # the first is the record's own: only its id stands before it
    return head + key + REPLAYED + (b"" if tail.startswith(b"]") else b",") + tail
