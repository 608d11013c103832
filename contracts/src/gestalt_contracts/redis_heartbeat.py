"""How services other than session workers say that they live: a hash that runs out, and a place among all services."""

from __future__ import annotations

import time
from collections.abc import Mapping
from itertools import chain
from typing import Any

from redis.asyncio import Redis

from gestalt_contracts.channels import Names
from gestalt_contracts.directory import DirectoryUnavailable
from gestalt_contracts.redis_client import away_as

LIVES_SECONDS = 3
"""A heartbeat counts so long; it is renewed each second, so two may get lost."""

FORGOTTEN_SECONDS = 3_600.0
"""An instance not heard of for so long leaves the set of services."""

REPEATED_SECONDS = 60.0
"""What is no news is said again after so long, so that an instance that lives is never forgotten."""

INSTANCES = 8
"""The most recent heartbeats looked at; of these the first that still stands counts."""


async def newest_heartbeat(client: Redis, names: Names, name: str) -> dict[str, str]:
    """What the instance of the service `name` that was heard of last says; empty without one.

    Raises DirectoryUnavailable.
    """
    with away_as(DirectoryUnavailable):
        members: Any = await client.zrevrange(names.services, 0, -1)
        instances = [str(member, "utf-8").partition(":") for member in members]
        for instance in [instance for of, _, instance in instances if of == name][:INSTANCES]:
            facts: Any = await client.hgetall(names.service(name, instance))
            if facts:
                return {str(key, "utf-8"): str(value, "utf-8") for key, value in facts.items()}
    return {}


class RedisHeartbeat:
    """One instance of the service `name`."""

    def __init__(self, client: Redis, names: Names, name: str, instance: str) -> None:
        self._client = client
        self._key = names.service(name, instance)
        self._services = names.services
        self._member = f"{name}:{instance}"
        self._said: dict[str, str] = {}
        self._said_at = 0.0

    async def beat(self, facts: Mapping[str, str]) -> None:
        """Say what there is to know: `address` (host:port) at least. Raises DirectoryUnavailable."""
        now = time.time()
        with away_as(DirectoryUnavailable):
            if facts == self._said and now - self._said_at < REPEATED_SECONDS and await self._renewed():
                return
            await self._say(facts, now)
        self._said, self._said_at = dict(facts), now

    async def _renewed(self) -> bool:
        """Whether the word still stood, and stands longer now: one small write where nothing is news."""
        return bool(await self._client.expire(self._key, LIVES_SECONDS))

    async def _say(self, facts: Mapping[str, str], now: float) -> None:
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
