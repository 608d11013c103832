"""How services other than session workers say that they live: a hash that runs out, and a place among all services."""

from __future__ import annotations

import time
from collections.abc import Mapping
from itertools import chain

from redis.asyncio import Redis

from gestalt_contracts.channels import Names
from gestalt_contracts.directory import DirectoryUnavailable
from gestalt_contracts.redis_client import away_as

LIVES_SECONDS = 3
"""A heartbeat counts so long; it is renewed each second, so two may get lost."""

FORGOTTEN_SECONDS = 3_600.0
"""An instance not heard of for so long leaves the set of services."""


class RedisHeartbeat:
    """One instance of the service `name`."""

    def __init__(self, client: Redis, names: Names, name: str, instance: str) -> None:
        self._client = client
        self._key = names.service(name, instance)
        self._services = names.services
        self._member = f"{name}:{instance}"

    async def beat(self, facts: Mapping[str, str]) -> None:
        """Say what there is to know: `address` (host:port) at least. Raises DirectoryUnavailable."""
        now = time.time()
        with away_as(DirectoryUnavailable):
            async with self._client.pipeline(transaction=True) as pipe:
                pipe.hset(self._key, items=list(chain.from_iterable(facts.items())))
                pipe.expire(self._key, LIVES_SECONDS)
                pipe.zadd(self._services, {self._member: now})
                pipe.zremrangebyscore(self._services, 0, now - FORGOTTEN_SECONDS)
                await pipe.execute()

    async def leave(self) -> None:
        """Be gone at once. Raises DirectoryUnavailable."""
        with away_as(DirectoryUnavailable):
            async with self._client.pipeline(transaction=True) as pipe:
                pipe.delete(self._key)
                pipe.zrem(self._services, self._member)
                await pipe.execute()
