"""Noticing that this process stood still, stopped or starved, for so long that its lease may have run out meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

LOOK_SECONDS = 0.5


class Standstill:
    """Looks at the clock now and then: a look that comes far too late tells that nothing has run before it.

    `longest` seconds may lie between two looks.
    """

    def __init__(self, longest: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._longest = longest
        self._clock = clock
        self._looked_at = clock()

    def lasted(self) -> bool:
        """Whether nothing has run for too long, as seen before the next look."""
        return self._clock() - self._looked_at > self._longest

    async def watch(self, noticed: Callable[[], None]) -> None:
        """Call `noticed` after each standstill, until cancelled."""
        self._looked_at = self._clock()
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if self.lasted():
                noticed()
            self._looked_at = self._clock()
