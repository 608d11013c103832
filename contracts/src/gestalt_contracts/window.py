"""The most recent run of a stream, shared by all who read along in one process."""

from __future__ import annotations

from bisect import bisect_right
from typing import Generic, TypeVar

from gestalt_contracts.cursors import START, Place

ENTRIES = 1_024
"""Readers this far behind live on memory; others read the stream again."""

SIZE = 4 * 1024 * 1024
"""Bytes of the entries kept; a log batch may have 64 KiB."""

T = TypeVar("T")


class Window(Generic[T]):
    """Entries without a gap between them. What does not follow the last one begins a new run."""

    def __init__(self, entries: int = ENTRIES, size: int = SIZE) -> None:
        self._most, self._room = entries, size
        self._before = START
        self._places: list[Place] = []
        self._items: list[T] = []
        self._sizes: list[int] = []
        self._held = 0

    def append(self, before: Place, place: Place, item: T, size: int) -> None:
        """Add the entry at `place`, whose predecessor in the stream is `before`; drop the oldest beyond the bounds."""
        if not self._places or self._places[-1] != before:
            self._begin(before)
        self._places.append(place)
        self._items.append(item)
        self._sizes.append(size)
        self._held += size
        while len(self._places) > self._most or (self._held > self._room and len(self._places) > 1):
            self._drop_oldest()

    def after(self, place: Place, most: int) -> tuple[list[T], Place] | None:
        """Up to `most` entries that follow `place`, and the place of the last one; None: read the stream.

        A reader at the end, or ahead of what has arrived here, gets no entries.
        """
        if not self._places or place >= self._places[-1]:
            return [], place
        index = bisect_right(self._places, place)
        followed = self._before if index == 0 else self._places[index - 1]
        if followed != place:
            return None
        end = min(index + most, len(self._places))
        return self._items[index:end], self._places[end - 1]

    def _begin(self, before: Place) -> None:
        self._before = before
        self._places, self._items, self._sizes, self._held = [], [], [], 0

    def _drop_oldest(self) -> None:
        self._before = self._places[0]
        self._held -= self._sizes[0]
        del self._places[0], self._items[0], self._sizes[0]
