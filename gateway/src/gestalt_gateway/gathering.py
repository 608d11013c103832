"""Reading from a flooding service in fewer, larger pieces.

A flood trickles in: a terminal gives 20 kB every half millisecond, and each wake costs more than copying its bytes.
Waiting a moment lets them gather in the kernel: twice the bytes for each wake, half the CPU. Keystroke echoes are too
small to be held back, and what comes faster than that (a viewer catching up) needs no gathering.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import perf_counter

SMALLEST = 8 * 1024
"""Smaller pieces are somebody's screen changing, not a flood."""

LARGEST = 64 * 1024
"""Larger pieces cost little for each byte as they are."""

MOMENT = 0.002
"""Seconds of gathering: nobody sees it, and at the speed of a terminal it fills half a socket buffer."""

IN_A_ROW = 0.01
"""Seconds between two pieces of one flood, at most; a first piece is never followed by a wait."""

FAST = 100e6
"""Bytes a second above which pieces come without being waited for."""


class Gathering:
    """Whether a transport is read from now: not while its bytes gather, not while the other side does not read."""

    def __init__(self, transport: asyncio.Transport, *, clock: Callable[[], float] = perf_counter) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._clock = clock
        self._last = 0.0
        self._held = False
        self._timer: asyncio.TimerHandle | None = None

    def came(self, size: int) -> None:
        """A piece of a possible flood came."""
        now = self._clock()
        waited, self._last = now - self._last, now
        if size / FAST < waited < IN_A_ROW and self._timer is None and not self._held:
            self._pause()
            self._timer = self._loop.call_later(MOMENT, self._gathered)

    def hold(self) -> None:
        """Do not read until `release`."""
        self._held = True
        self._pause()

    def release(self) -> None:
        """Read on."""
        self._held = False
        if self._timer is None:
            self._resume()

    def stop(self) -> None:
        """Read on whatever was said before, and gather no more."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._held = None, False
        self._resume()

    def _gathered(self) -> None:
        self._timer = None
        if not self._held:
            self._resume()

    def _pause(self) -> None:
        if not self._transport.is_closing():
            self._transport.pause_reading()

    def _resume(self) -> None:
        if not self._transport.is_closing():
            self._transport.resume_reading()
