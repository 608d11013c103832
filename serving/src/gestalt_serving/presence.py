"""Telling the others that a service lives, and where: gateways find it by its heartbeat."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

import structlog

from gestalt_contracts.directory import DirectoryUnavailable

BEAT_SECONDS = 1.0

log = structlog.get_logger()


class Heartbeat(Protocol):
    """Where it is told; as `gestalt_contracts.redis_heartbeat.RedisHeartbeat`."""

    async def beat(self, facts: Mapping[str, str]) -> None:
        """Say it. Raises DirectoryUnavailable."""
        ...

    async def leave(self) -> None:
        """Take it back. Raises DirectoryUnavailable."""
        ...


async def beat_forever(
    heartbeat: Heartbeat,
    facts: Callable[[], Mapping[str, str]],
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Each second, whatever happens: a service that nobody finds goes on with what it has."""
    away = False
    while True:
        try:
            await heartbeat.beat(facts())
            away = False
        except DirectoryUnavailable as error:
            if not away:
                log.warning("the directory is away; gateways may not find this service", reason=str(error))
            away = True
        except Exception:
            log.exception("the heartbeat failed")
        await pause(BEAT_SECONDS)


async def leave(heartbeat: Heartbeat) -> None:
    """Say goodbye, if somebody hears it."""
    try:
        await heartbeat.leave()
    except DirectoryUnavailable as error:
        log.info("left without a goodbye", reason=str(error))
