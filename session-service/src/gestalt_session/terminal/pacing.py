"""When a program is made to wait for its viewers (architecture §5): only to spare those who keep up in earnest.

Earnest is who reads at 1 MiB/s or more and at least half as fast as the fastest. When the slowest of these lags by
more than half the journal, the host stops reading the terminal until it is within a quarter. Who was cut off without a
Close (its gateway died) counts as lagging for 5 s, during which the program may write 24 MiB more. Pure: numbers in, a
verdict out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

EARNEST_RATE = 1024 * 1024  # bytes/s: below it a reader is a person scrolling or a stalled tab
RATE_WINDOW = 0.25  # seconds over which a rate is taken: long enough to smooth bursts, short against the journal
STALE_WINDOW = 1.0  # after this long without a new window the old rate says nothing
CUT_OFF_SECONDS = 5.0  # how long a viewer whose gateway died has to come back with its cursor
CUT_OFF_BYTES = 24 * 1024 * 1024  # what may be written meanwhile; with the half journal it lagged it fits the journal


class Meter:
    """How fast one viewer takes bytes."""

    def __init__(self, now: float) -> None:
        self._since = now
        self._bytes = 0
        self._last = 0.0

    def took(self, count: int, now: float) -> None:
        """The viewer's socket has accepted `count` bytes."""
        self._bytes += count
        elapsed = now - self._since
        if elapsed >= RATE_WINDOW:
            self._last = self._bytes / elapsed
            self._since, self._bytes = now, 0

    def rate(self, now: float) -> float:
        """Bytes per second, as of now: a viewer that stopped falls to nothing within STALE_WINDOW."""
        elapsed = now - self._since
        if elapsed >= STALE_WINDOW:
            return self._bytes / elapsed
        return self._last


class CutOff(Struct, frozen=True):
    """A viewer that vanished without a Close: where the terminal's end then was, and when."""

    end: int
    at: float


class Lag(Struct, frozen=True):
    """How far behind the end a viewer is, and how fast it reads."""

    bytes: int
    rate: float


def must_wait(*, waiting: bool, capacity: int, viewers: Sequence[Lag]) -> bool:
    """Whether the program has to wait for earnest viewers; `waiting` is the present state (hysteresis)."""
    fastest = max((viewer.rate for viewer in viewers), default=0.0)
    floor = max(EARNEST_RATE, fastest / 2)
    worst = max((viewer.bytes for viewer in viewers if viewer.rate >= floor), default=0)
    return worst > (capacity // 4 if waiting else capacity // 2)


def waits_for_cut_off(end: int, cut_off: Iterable[CutOff], now: float) -> bool:
    """Whether somebody who was cut off may still come back for bytes that would be written over."""
    return any(now - gone.at < CUT_OFF_SECONDS and end - gone.end >= CUT_OFF_BYTES for gone in cut_off)
