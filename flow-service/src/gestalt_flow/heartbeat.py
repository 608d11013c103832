"""Tells others where this replica is, as long as it lives."""

from __future__ import annotations

import asyncio
import os
import time
from typing import Any

import structlog
from redis.asyncio import Redis

from gestalt_contracts.channels import Names
from gestalt_contracts.redis_client import away_as
from gestalt_flow.runs_redis import RunsUnavailable
from gestalt_flow.version import release

SERVICE = "flow"
BEAT_SECONDS = 1.0
TTL_MS = 3_500
GONE_SECONDS = 60.0
"""Names of replicas that have been silent for so long are forgotten."""

log = structlog.get_logger()


class Heartbeat:
    """One replica's word: `instance` at `address`."""

    def __init__(self, client: Redis, names: Names, instance: str, address: str) -> None:
        self._client = client
        self._names = names
        self._instance = instance
        self._fields: dict[Any, Any] = {
            "address": address,
            "pid": os.getpid(),
            "version": release(),
            "started_at": time.time(),
        }

    async def beat(self) -> None:
        """Say it once. Raises RunsUnavailable."""
        key, member = self._names.service(SERVICE, self._instance), f"{SERVICE}:{self._instance}"
        pipe = self._client.pipeline(transaction=True)
        pipe.hset(key, mapping=self._fields)
        pipe.pexpire(key, TTL_MS)
        pipe.zadd(self._names.services, {member: time.time()})
        pipe.zremrangebyscore(self._names.services, "-inf", time.time() - GONE_SECONDS)
        with away_as(RunsUnavailable):
            await pipe.execute()

    async def forever(self) -> None:
        """Say it as long as we live."""
        while True:
            try:
                await self.beat()
            except RunsUnavailable:
                log.debug("nobody can be told where this is")
            except Exception:
                log.exception("the heartbeat failed")
            await asyncio.sleep(BEAT_SECONDS)

    async def leave(self) -> None:
        """Say that we are gone. Raises RunsUnavailable."""
        pipe = self._client.pipeline(transaction=True)
        pipe.delete(self._names.service(SERVICE, self._instance))
        pipe.zrem(self._names.services, f"{SERVICE}:{self._instance}")
        with away_as(RunsUnavailable):
            await pipe.execute()
