"""Tells others where this replica is, as long as it lives."""

from __future__ import annotations

import asyncio
import math
import os
import time
from collections.abc import Awaitable, Callable

import structlog
from redis.asyncio import Redis

from gestalt_contracts.channels import Names
from gestalt_contracts.directory import DirectoryUnavailable
from gestalt_contracts.redis_heartbeat import RedisHeartbeat
from gestalt_flow.version import release

SERVICE = "flow"
BEAT_SECONDS = 1.0
LOOK_EVERY = 5
"""Beats from one question to Redis, how old the oldest event is that nobody has looked at, to the next."""


log = structlog.get_logger()


class Heartbeat:
    """One replica's word: `instance` at `address`. `delay`: how far behind all replicas are, seconds."""

    def __init__(
        self,
        client: Redis,
        names: Names,
        instance: str,
        address: str,
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        delay: Callable[[], Awaitable[float]],
    ) -> None:
        self._pause = pause
        self._delay = delay
        self._beats = 0
        self._heartbeat = RedisHeartbeat(client, names, SERVICE, instance)
        self._facts = {
            "address": address,
            "pid": str(os.getpid()),
            "version": release(),
            "started_at": str(time.time()),
        }

    async def beat(self) -> None:
        """Say it once. Raises DirectoryUnavailable."""
        if self._beats % LOOK_EVERY == 0:
            delay = await self._delay()
            self._facts["delay_seconds"] = f"{0 if math.isnan(delay) else delay:.1f}"
        self._beats += 1
        await self._heartbeat.beat(self._facts)

    async def forever(self) -> None:
        """Say it as long as we live."""
        while True:
            try:
                await self.beat()
            except DirectoryUnavailable:
                log.debug("nobody can be told where this is")
            except Exception:
                log.exception("the heartbeat failed")
            await self._pause(BEAT_SECONDS)

    async def leave(self) -> None:
        """Say that we are gone. Raises DirectoryUnavailable."""
        await self._heartbeat.leave()
