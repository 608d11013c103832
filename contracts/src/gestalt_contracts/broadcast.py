"""Telling many readers in one process, with one bounded memory for all of them."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

from gestalt_contracts.bell import Bell

RECENT = 512
"""How far a reader may fall behind before it is told to look at everything again."""

T = TypeVar("T")


class Broadcast(Generic[T]):
    """The most recent items, and the bell that announces them."""

    def __init__(self, recent: int = RECENT) -> None:
        self.recent: deque[T] = deque(maxlen=recent)
        self.told = 0
        self.bell = Bell()

    def tell(self, item: T) -> None:
        """Make `item` the newest."""
        self.recent.append(item)
        self.told += 1
        self.bell.ring()

    def reader(self) -> Reader[T]:
        """A reader of what is told from now on."""
        return Reader(self)


class Reader(Generic[T]):
    """A place in a Broadcast. Cancelling a wait loses nothing."""

    def __init__(self, broadcast: Broadcast[T]) -> None:
        self._broadcast = broadcast
        self._next = broadcast.told

    async def next(self) -> T | None:
        """The next item; None when some were missed, reading then goes on from now."""
        while self._next == self._broadcast.told:
            await self._broadcast.bell.wait()
        first = self._broadcast.told - len(self._broadcast.recent)
        if self._next < first:
            self._next = self._broadcast.told
            return None
        self._next += 1
        return self._broadcast.recent[self._next - 1 - first]
