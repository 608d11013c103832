"""Up to where a program may write before it waits for its viewers (architecture §5): only for those in earnest.

Earnest is who reads at 1 MiB/s or more and at least half as fast as the fastest. Past the slowest of these a program
may write three eighths of the journal: what is then left of it holds all that may be written before a viewer whose
worker or gateway dies is back, and what was lost in its sockets. Who was cut off without a Close (its gateway died)
is waited for 5 s, during which the program may write 24 MiB more; so are the viewers of a worker that died, whom its
successor cannot know. The host is told an offset, not to stop: a worker that gets no turn while a program floods would
say so too late. Pure: numbers in, a limit out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from msgspec import Struct

EARNEST_RATE = 1024 * 1024  # bytes/s: below it a reader is a person scrolling or a stalled tab
MEMORY_SECONDS = 2.0  # over which a rate is taken: a busy browser stalls for a second and is in earnest all the same
CUT_OFF_SECONDS = 5.0  # how long a viewer whose gateway died has to come back with its cursor
CUT_OFF_BYTES = 24 * 1024 * 1024  # what may be written meanwhile, if the journal holds it beside what it lagged
IN_SOCKETS = 8 * 1024 * 1024  # what a viewer was sent and never saw: it lay in two connections' buffers
ADOPTED_BYTES = 4 * 1024 * 1024  # the same for a new worker: its host has let 24 MiB pass while no worker was there
RETURN_SECONDS = 2.0  # once the first is back, the others whom a dead worker served are not far


class Meter:
    """How fast one viewer takes bytes: an average that forgets with MEMORY_SECONDS, unbiased while it is young."""

    def __init__(self, now: float) -> None:
        self._born = now
        self._at = now
        self._remembered = 0.0

    def took(self, count: int, now: float) -> None:
        """The viewer's socket has accepted `count` bytes."""
        self._remembered = self._faded(now) + count
        self._at = now

    def rate(self, now: float) -> float:
        """Bytes per second, as of now; a viewer that stops falls to nothing by and by."""
        watched = MEMORY_SECONDS * -math.expm1((self._born - now) / MEMORY_SECONDS)
        return self._faded(now) / max(watched, MEMORY_SECONDS / 1_000)

    def proven(self, now: float) -> float:
        """The rate that it has shown for long: a new viewer's sockets swallow megabytes at once, and then it reads."""
        return self._faded(now) / MEMORY_SECONDS

    def _faded(self, now: float) -> float:
        return self._remembered * math.exp((self._at - now) / MEMORY_SECONDS)


class CutOff(Struct, frozen=True):
    """A viewer that vanished without a Close: from which offset on, and until when, the program waits for it.

    `all`: it stands for every viewer of a worker that died, and nobody knows how many they were.
    """

    limit: int
    until: float
    all: bool = False


def limit_past(end: int, cursor: int, capacity: int) -> int:
    """Up to where a program may write before it waits for the viewer that was cut off at `cursor`.

    The journal drops a sixteenth of `capacity` at once.
    """
    return min(end + CUT_OFF_BYTES, cursor - IN_SOCKETS + capacity - capacity // 16)


def one_is_back(cut_off: Iterable[CutOff], now: float) -> list[CutOff]:
    """Who is still missed when a viewer has come: one less of those that were seen to go, the unknown ones not long."""
    missed = list(cut_off)
    seen = [gone for gone in missed if not gone.all]
    soon = [CutOff(gone.limit, min(gone.until, now + RETURN_SECONDS), all=True) for gone in missed if gone.all]
    return soon + seen[1:]


class Reader(Struct, frozen=True):
    """Where a viewer is, how fast it reads, and how fast it has proved to be."""

    cursor: int
    rate: float
    proven: float = math.inf


def limit_for(viewers: Sequence[Reader], capacity: int) -> int | None:
    """Up to where the program may write for the sake of those who read in earnest; None when there are none."""
    fastest = max((min(viewer.rate, viewer.proven) for viewer in viewers), default=0.0)
    floor = max(EARNEST_RATE, fastest / 2)
    slowest = min((viewer.cursor for viewer in viewers if viewer.rate >= floor), default=None)
    return None if slowest is None else slowest + capacity * 3 // 8


def limit_for_missed(cut_off: Iterable[CutOff], now: float) -> int | None:
    """Up to where it may write while somebody who was cut off may still come back."""
    return min((gone.limit for gone in cut_off if now < gone.until), default=None)
