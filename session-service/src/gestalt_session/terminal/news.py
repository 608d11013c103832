"""What may change faster than anybody wants to hear of it: told at most so often, and the last change always."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable


class News:
    """One kind of it. `tell` says what is true then."""

    def __init__(self, tell: Callable[[], None], *, seconds: float, burst: int = 1) -> None:
        """At most `burst` times in `burst * seconds`."""
        self._tell = tell
        self._span = burst * seconds
        self._told: deque[float] = deque(maxlen=burst)
        self._burst = burst
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    def changed(self) -> None:
        """Tell it now, or as soon as it may be told."""
        if self._timer is not None or self._closed:
            return
        loop = asyncio.get_running_loop()
        due = self._told[0] + self._span if len(self._told) == self._burst else 0.0
        if due <= loop.time():
            self._now()
        else:
            self._timer = loop.call_at(due, self._now)

    def close(self) -> None:
        """Tell nothing more."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _now(self) -> None:
        self._timer = None
        self._told.append(asyncio.get_running_loop().time())
        self._tell()
