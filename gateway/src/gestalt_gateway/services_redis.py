"""Services found by their heartbeats in Redis."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from redis.asyncio import Redis

from gestalt_contracts.channels import Names
from gestalt_contracts.directory import DirectoryUnavailable
from gestalt_contracts.redis_heartbeat import newest_heartbeat
from gestalt_gateway.services import FixedServices

FRESH_SECONDS = 2.0
"""How long an answer about a service's address is used again."""


class RedisServices:
    """Fixed addresses first, then the newest heartbeat: asked for on demand, so that idling costs nothing."""

    def __init__(
        self, client: Redis, names: Names, fixed: FixedServices, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._names = names
        self._fixed = fixed
        self._clock = clock
        self._known: dict[str, tuple[str | None, float]] = {}

    async def address(self, name: str) -> str | None:
        """See Services."""
        fixed = await self._fixed.address(name)
        if fixed is not None:
            return fixed
        known, until = self._known.get(name, (None, 0.0))
        if until > self._clock():
            return known
        with suppress(DirectoryUnavailable):  # else the last answer is the best there is
            known = (await newest_heartbeat(self._client, self._names, name)).get("address")
        self._known[name] = (known, self._clock() + FRESH_SECONDS)
        return known

    def refused(self, address: str) -> None:
        """See Services."""
        self._known = {name: known for name, known in self._known.items() if known[0] != address}
