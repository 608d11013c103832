"""Whose terminal is read next: quiet ones first, flooding ones one turn after the other."""

from collections import deque
from typing import Final, Generic, Protocol, TypeVar

FLOOD: Final = 4095
"""Bytes of one turn from which a terminal counts as flooding: what a PTY holds at the most, more than any prompt."""


class Reader(Protocol):
    """Something that is read in turns."""

    queued: bool
    flooding: bool


R = TypeVar("R", bound=Reader)


class Turns(Generic[R]):
    """The ready queue. A reader stands in it once; its last turn says on which side."""

    def __init__(self) -> None:
        self._quiet: deque[R] = deque()
        self._flooding: deque[R] = deque()

    def __bool__(self) -> bool:
        return bool(self._quiet or self._flooding)

    def ready(self, reader: R) -> None:
        """Note that the reader may have something to read."""
        if not reader.queued:
            reader.queued = True
            (self._flooding if reader.flooding else self._quiet).append(reader)

    def round(self) -> list[R]:
        """Who reads before the loop looks again: every quiet reader and then one flooding one."""
        readers = list(self._quiet)
        self._quiet.clear()
        if self._flooding:
            readers.append(self._flooding.popleft())
        for reader in readers:
            reader.queued = False
        return readers

    @staticmethod
    def took(reader: R, count: int) -> None:
        """Judge the reader by a turn in which it read `count` bytes; one that found nothing tells nothing."""
        if count:
            reader.flooding = count >= FLOOD
