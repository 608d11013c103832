"""The optional rate limit: a token bucket for each caller. Pure; the clock is passed in."""

from __future__ import annotations

import math

from gestalt_contracts.errors import GestaltError

CALLERS = 10_000
"""Buckets kept; beyond that all are forgotten, which only ever lets more through."""


class RateLimited(GestaltError):
    """The caller asks more often than the setting allows."""

    status = 429

    def __init__(self, wait: float) -> None:
        super().__init__("too many requests", headers={"Retry-After": str(max(1, math.ceil(wait)))})


class RateLimit:
    """`per_second` requests for each caller, bursts of one second's worth."""

    def __init__(self, per_second: float) -> None:
        self._rate = per_second
        self._burst = max(1.0, per_second)
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, caller: str, now: float) -> None:
        """Count one request at `now` (seconds). Raises RateLimited with how long to wait."""
        level, since = self._buckets.get(caller, (self._burst, now))
        level = min(self._burst, level + (now - since) * self._rate)
        if level < 1.0:
            self._buckets[caller] = (level, now)
            raise RateLimited((1.0 - level) / self._rate)
        if len(self._buckets) >= CALLERS:
            self._buckets.clear()
        self._buckets[caller] = (level - 1.0, now)
