"""When a program is made to wait for its viewers (architecture §5): only to spare those who keep up in earnest.

Earnest is who reads at 1 MiB/s or more and at least half as fast as the fastest. When the slowest of these lags by more
than three eighths of the journal, the host stops reading the terminal until it is within a quarter: what is then left
of the journal holds all that may be written before a viewer whose worker or gateway dies is back, and what was lost in
its sockets. Who was cut off without a Close
(its gateway died) counts as lagging for 5 s, during which the program may write 24 MiB more; so do the viewers of a
worker that died, whom its successor cannot know. Pure: numbers in, a verdict out.
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


def limit_of(end: int, cursor: int, capacity: int) -> int:
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


class Lag(Struct, frozen=True):
    """How far behind the end a viewer is, how fast it reads, and how fast it has proved to be."""

    bytes: int
    rate: float
    proven: float = math.inf


def must_wait(*, waiting: bool, capacity: int, viewers: Sequence[Lag]) -> bool:
    """Whether the program has to wait for earnest viewers; `waiting` is the present state (hysteresis)."""
    fastest = max((min(viewer.rate, viewer.proven) for viewer in viewers), default=0.0)
    floor = max(EARNEST_RATE, fastest / 2)
    worst = max((viewer.bytes for viewer in viewers if viewer.rate >= floor), default=0)
    return worst > (capacity // 4 if waiting else capacity * 3 // 8)


def waits_for_cut_off(end: int, cut_off: Iterable[CutOff], now: float) -> bool:
    """Whether somebody who was cut off may still come back for bytes that would be written over."""
    return any(now < gone.until and end >= gone.limit for gone in cut_off)
