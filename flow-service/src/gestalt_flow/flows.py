"""The flows that hold now: read from the folder, followed when others save or a person edits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

import structlog
from redis.asyncio import Redis

from gestalt_contracts.channels import FlowNames
from gestalt_contracts.redis_client import away_as
from gestalt_flow.defaults import DEFAULTS
from gestalt_flow.doings_redis import Doings
from gestalt_flow.folder import Folder, FolderFailed, Loaded, Signature
from gestalt_flow.matching import Index
from gestalt_flow.model import Flow
from gestalt_flow.runs_redis import RunsUnavailable

LOOK_SECONDS = 2.0
"""How often the folder is looked at for edits made by hand."""

log = structlog.get_logger()


class Flows:
    """The current configuration of one replica. `changed` is called with the flows after each change."""

    def __init__(self, folder: Folder, client: Redis, names: FlowNames, doings: Doings) -> None:
        self._doings = doings
        self._folder = folder
        self._client = client
        self._names = names
        self._signature: Signature | None = None
        self._saved: bytes | None = None
        self._lock = asyncio.Lock()
        self.loaded = Loaded()
        self.index = Index(())
        self.changed: Callable[[Sequence[Flow]], Awaitable[None]] | None = None

    async def begin(self) -> None:
        """Put default flows there and read everything. Raises FolderFailed."""
        try:
            await asyncio.to_thread(self._folder.install, DEFAULTS)
        except FolderFailed as error:
            log.warning("default flows could not be installed", error=str(error))
        await self.reload()

    async def read(self) -> Loaded:
        """What the folder holds at this moment. Raises FolderFailed."""
        with suppress(RunsUnavailable):  # whoever only looks does not need Redis
            await self.reload()
        return self.loaded

    async def save(self, flows: Sequence[Flow], revision: str | None) -> Loaded:
        """Replace all flows, for every event published from now on. Raises Stale, FolderFailed, RunsUnavailable."""
        async with self._lock:
            async with self._doings.saving(self._folder.path):
                await asyncio.to_thread(self._folder.save, flows, revision)
            with away_as(RunsUnavailable):
                await self._client.incr(self._names.saved)
            await self._load()
        await self._tell()
        return self.loaded

    async def current(self) -> tuple[Index, str]:
        """The index and its revision, with what others have saved by now. Raises RunsUnavailable, FolderFailed."""
        with away_as(RunsUnavailable):
            saved: Any = await self._client.get(self._names.saved)
        if saved != self._saved:
            await self.reload()
            self._saved = saved
        return self.index, self.loaded.revision

    async def reload(self) -> None:
        """Read the folder if anything in it has changed. Raises FolderFailed."""
        async with self._lock:
            changed = await self._load()
        if changed:
            await self._tell()

    async def follow_forever(self) -> None:
        """Look for edits made by hand."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self.reload()
            except FolderFailed as error:
                log.warning("the flows cannot be read", error=str(error))
            except RunsUnavailable:
                continue
            except Exception:
                log.exception("the flows could not be followed")

    async def _load(self) -> bool:
        signature = await asyncio.to_thread(self._folder.signature)
        if signature == self._signature:
            return False
        begun = time.monotonic()
        loaded = await asyncio.to_thread(self._folder.load)
        index = await asyncio.to_thread(Index, loaded.flows)
        self.loaded, self.index, self._signature = loaded, index, signature  # at once: who looks meanwhile sees a pair
        for problem in self.loaded.problems:
            log.warning("a flow file is set aside", file=problem.path, problem=problem.message)
        took = round((time.monotonic() - begun) * 1000)
        log.info("flows loaded", flows=len(self.loaded.flows), revision=self.loaded.revision, milliseconds=took)
        return True

    async def _tell(self) -> None:
        if self.changed is not None:
            await self.changed(self.loaded.flows)
