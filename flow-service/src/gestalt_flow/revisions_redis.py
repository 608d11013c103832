"""The flows of the past: by them, not by today's, it is said why a flow did not fire."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Any

import msgspec
from redis.asyncio import Redis

from gestalt_contracts.channels import FlowNames
from gestalt_contracts.redis_client import away_as
from gestalt_flow.documents import flows_of_json, shown
from gestalt_flow.matching import Index
from gestalt_flow.runs_redis import RunsUnavailable

MOST = 50
"""Configurations kept, each of 1 MiB at the most."""
KEPT_AGAIN_SECONDS = 60.0
"""How often it is said anew that a configuration still holds."""
INDEXED = 4
"""Configurations of the past that a replica has at hand."""


class Revisions:
    """Those that evaluations name, as one replica sees them."""

    def __init__(self, client: Redis, names: FlowNames) -> None:
        self._client = client
        self._names = names
        self._kept: tuple[str, float] = ("", 0.0)
        self._indexed: dict[str, Index] = {}

    async def keep(self, revision: str, index: Index) -> None:
        """Remember a configuration that evaluations are about to name. Raises RunsUnavailable."""
        kept, at = self._kept
        if kept == revision and time.monotonic() - at < KEPT_AGAIN_SECONDS:
            return
        with away_as(RunsUnavailable):
            if not await self._client.hexists(self._names.revision, revision):
                text = await asyncio.to_thread(_text, index)
                await self._client.hset(self._names.revision, revision, text)
            await self._client.zadd(self._names.revisions, {revision: time.time()})
        self._kept = (revision, time.monotonic())

    async def trim(self, oldest: float | None) -> None:
        """Forget configurations that no evaluation names, and all but the latest MOST. Raises RunsUnavailable.

        `oldest`: when the oldest event was published that is still evaluated, seconds; None: there is none.
        """
        until = time.time() if oldest is None else oldest
        with away_as(RunsUnavailable):
            unnamed = await self._client.zrangebyscore(self._names.revisions, "-inf", until - 2 * KEPT_AGAIN_SECONDS)
            too_many = await self._client.zrange(self._names.revisions, 0, -MOST - 1)
            if gone := {*unnamed, *too_many}:
                await self._client.hdel(self._names.revision, *gone)
                await self._client.zrem(self._names.revisions, *gone)

    async def index(self, revision: str) -> Index | None:
        """The flows of a revision; None when nobody knows them any more. Raises RunsUnavailable."""
        if (known := self._indexed.get(revision)) is not None:
            return known
        with away_as(RunsUnavailable):
            text: Any = await self._client.hget(self._names.revision, revision)
        if text is None:
            return None
        index = await asyncio.to_thread(_index, text)
        self._indexed[revision] = index
        for old in [*self._indexed][:-INDEXED]:
            del self._indexed[old]
        return index

    async def indexes(self, revisions: Iterable[str]) -> dict[str, Index]:
        """The flows of those revisions that are known. Raises RunsUnavailable."""
        found = {revision: await self.index(revision) for revision in dict.fromkeys(revisions)}
        return {revision: index for revision, index in found.items() if index is not None}


def _text(index: Index) -> bytes:
    return msgspec.json.encode(shown(matcher.flow for matcher in index.all))


def _index(text: bytes) -> Index:
    return Index(flows_of_json(text))
