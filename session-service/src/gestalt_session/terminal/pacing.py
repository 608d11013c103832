"""Up to where a program may write before it waits for its viewers (architecture §5): only for those in earnest.

Earnest is who reads at 1 MiB/s or more and at least half as fast as the fastest. Past the slowest of these a program
may write three eighths of the journal; and so much more while it is cut off, from a dead gateway or a dead worker, that
what it has not seen is still there: for 5 s, and the journal must hold what was lost in sockets, too. The host is told
offsets, not to stop: a worker that gets no turn while a program floods, or is dead, would say so too late.
Pure: numbers in, a limit out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from msgspec import Struct

EARNEST_RATE = 1024 * 1024  # bytes/s: below it a reader is a person scrolling or a stalled tab
MEMORY_SECONDS = 2.0  # over which a rate is taken: a busy browser stalls for a second and is in earnest all the same
CUT_OFF_SECONDS = 5.0  # how long a viewer whose gateway or worker died has to come back with its cursor
IN_SOCKETS = 10 * 1024 * 1024  # what a viewer was sent and never saw: two send buffers of 4 MiB, and ours
ADOPTED_BYTES = 4 * 1024 * 1024  # what a new worker lets pass beyond what its host let pass while no worker was there
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


class Limit(Struct, frozen=True):
    """Where the program stops; and where if the worker is lost, from when on nobody tells.

    `viewers`: how many would be missed then; None when nobody knows.
    """

    offset: int
    lost: int
    viewers: int | None = None


class CutOff(Struct, frozen=True):
    """One who vanished without a Close, or all of a worker that died: where the program waits for them, and until when.

    `viewers`: how many they are; None when nobody knows.
    """

    limit: Limit
    until: float
    viewers: int | None = 1


def kept_for(cursor: int, capacity: int) -> Limit:
    """How far may be written while the viewer at `cursor` is away. The journal drops a sixteenth of it at once."""
    end = cursor - IN_SOCKETS + capacity - capacity // 16
    return Limit(max(0, end), max(0, end - ADOPTED_BYTES))


def kept_for_all(lost: int) -> Limit:
    """The same for a new worker, whose host would have stopped at `lost`."""
    return Limit(lost + ADOPTED_BYTES, lost)


def one_is_back(cut_off: Iterable[CutOff], now: float) -> list[CutOff]:
    """Who is still missed when a viewer has come: one less of those who went first, and their others not long."""
    missed = list(cut_off)
    if not missed:
        return []
    first, *later = missed
    if first.viewers == 1:
        return later
    others = None if first.viewers is None else first.viewers - 1
    return [CutOff(first.limit, min(first.until, now + RETURN_SECONDS), others), *later]


def how_many(cut_off: Iterable[CutOff]) -> int | None:
    """How many are missed; None when nobody knows."""
    known = [gone.viewers for gone in cut_off]
    return None if None in known else sum(filter(None, known))


class Reader(Struct, frozen=True):
    """Where a viewer is, how fast it reads, and how fast it has proved to be."""

    cursor: int
    rate: float
    proven: float = math.inf


def limit_for(viewers: Sequence[Reader], capacity: int) -> Limit | None:
    """Up to where the program may write for the sake of those who read in earnest; None when there are none."""
    fastest = max((min(viewer.rate, viewer.proven) for viewer in viewers), default=0.0)
    floor = max(EARNEST_RATE, fastest / 2)
    slowest = min((viewer.cursor for viewer in viewers if viewer.rate >= floor), default=None)
    return None if slowest is None else Limit(slowest + capacity * 3 // 8, kept_for(slowest, capacity).lost)


def nearest(limits: Iterable[Limit]) -> Limit | None:
    """What spares all of them."""
    all_ = list(limits)
    return Limit(min(one.offset for one in all_), min(one.lost for one in all_)) if all_ else None
