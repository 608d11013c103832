"""Where this replica is, and how far behind all of them are: what its heartbeat tells."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping

from gestalt_serving.presence import Heartbeat

LOOK_EVERY = 5
"""Beats from one question to Redis, how old the oldest event is that nobody has looked at, to the next."""


class DelayTold:
    """A heartbeat whose facts have `delay_seconds` too. `delay`: how far behind all replicas are, seconds."""

    def __init__(self, heartbeat: Heartbeat, delay: Callable[[], Awaitable[float]]) -> None:
        self._heartbeat = heartbeat
        self._delay = delay
        self._beats = 0
        self._told: dict[str, str] = {}

    async def beat(self, facts: Mapping[str, str]) -> None:
        """Say it once. Raises DirectoryUnavailable."""
        if self._beats % LOOK_EVERY == 0:
            delay = await self._delay()
            self._told = {"delay_seconds": f"{0 if math.isnan(delay) else delay:.1f}"}
        self._beats += 1
        await self._heartbeat.beat({**facts, **self._told})

    async def leave(self) -> None:
        """Say that we are gone. Raises DirectoryUnavailable."""
        await self._heartbeat.leave()
