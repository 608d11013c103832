"""One worker at a time watches the workspace: whoever holds the lease. Another does within seconds of its death."""

from __future__ import annotations

import asyncio

import structlog

from gestalt_contracts.directory import Directory, DirectoryUnavailable
from gestalt_contracts.events import Event
from gestalt_session.cluster.outbox import Outbox
from gestalt_session.workspace.watching.watcher import ConfigListener, Watch, Watcher

TASK = "watch"
LEASE_SECONDS = 3.0
RENEW_SECONDS = 1.0  # a third of the lease: two words may get lost
CERTAIN_SECONDS = 2.0  # so long after its last word a holder may tell: less than the lease, the clocks are not one
GIVE_BACK_SECONDS = 0.5  # longest wait of a stopping worker for Redis
MOST_WAITING = 2_000  # events that wait for Redis; beyond, changes wait with the watcher, where they become one

log = structlog.get_logger()


class LeaseLost(Exception):
    """Another worker watches."""


class Watchkeeper:
    """Tries to hold the lease, and watches as long as it does.

    `outbox` is for the watcher alone: thousands of files are not to keep other events waiting. `listeners` are called
    with every change below `.gestalt/config`, in the worker that watches.
    """

    def __init__(self, watch: Watch, directory: Directory, outbox: Outbox, holder: str) -> None:
        self.listeners: list[ConfigListener] = []
        self._watch = watch
        self._directory = directory
        self._outbox = outbox
        self._holder = holder
        self._certain_until = 0.0

    async def keep_forever(self) -> None:
        """Watch whenever it is ours to do, whatever happens."""
        while True:
            try:
                if await self._hold():
                    await self._watch_while_held()
            except DirectoryUnavailable:
                log.debug("nobody can be asked who watches")
            except Exception:
                log.exception("the watcher failed")
            await asyncio.sleep(RENEW_SECONDS)

    async def _hold(self) -> bool:
        asked = asyncio.get_running_loop().time()
        held = await self._directory.hold(TASK, self._holder, milliseconds=int(LEASE_SECONDS * 1_000))
        self._certain_until = asked + CERTAIN_SECONDS if held else 0.0
        return held

    async def _watch_while_held(self) -> None:
        watcher = Watcher(self._watch, self, self.listeners)
        log.info("watches the workspace", worker=self._holder)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(watcher.run(), name="watch the workspace")
                tasks.create_task(self._renew(watcher), name="renew the watcher's lease")
        except* LeaseLost:
            log.info("another worker watches", worker=self._holder)
        except* Exception as failures:
            for failure in failures.exceptions:
                log.exception("the watcher failed and begins anew", exc_info=failure)
        finally:
            await self._give_back()

    async def _renew(self, watcher: Watcher) -> None:
        """Raises LeaseLost. While Redis is away nobody else can take the lease, and nothing is told."""
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            try:
                if not await self._hold():
                    raise LeaseLost
                await watcher.alive()
            except DirectoryUnavailable:
                log.debug("the watcher's lease cannot be renewed")

    async def _give_back(self) -> None:
        self._certain_until = 0.0
        try:
            async with asyncio.timeout(GIVE_BACK_SECONDS):
                await self._directory.release(TASK, self._holder)
        except (DirectoryUnavailable, TimeoutError):
            log.debug("the watcher's lease runs out by itself")

    # -- what the watcher asks of us

    def may_tell(self) -> bool:
        """Only who is certain of the lease tells, and no faster than Redis takes it."""
        return asyncio.get_running_loop().time() < self._certain_until and self._outbox.waiting < MOST_WAITING

    def has_told(self) -> bool:
        """Whether the bus has all of it."""
        return self._outbox.waiting == 0

    def tell(self, event: Event) -> None:
        """Publish it."""
        self._outbox.put(event)
