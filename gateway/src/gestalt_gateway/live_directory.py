"""The directory as every request needs it: at hand, kept fresh by what is told, without asking Redis (architecture §4).

While Redis is away the last known table serves on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection

import structlog

from gestalt_contracts.directory import Change, Directory, DirectoryUnavailable, WorkerRecord
from gestalt_gateway import lifelines
from gestalt_gateway.lifelines import Lifelines
from gestalt_gateway.session_table import Place, SessionTable, place_of
from gestalt_gateway.worker_table import WorkerTable

LEASES_EVERY = 1.0
"""Seconds between two looks at the leases: a dead worker is known at most that long after its lease ran out."""

AGAIN_AFTER = 0.5
"""Seconds until the directory is asked again after it was away."""

log = structlog.get_logger(__name__)


class LiveDirectory:
    """A local copy of who lives and who holds what. `run` keeps it fresh; the rest reads it.

    A worker that dies cuts its lifeline.
    """

    def __init__(self, directory: Directory, lines: Lifelines, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._directory = directory
        self._lines = lines
        self._clock = clock
        self._sessions = SessionTable()
        self._workers = WorkerTable()
        self._outage_told = False
        self.loaded = asyncio.Event()
        """Set once the whole directory has been read."""

    async def run(self) -> None:
        """Follow the directory until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow(), name="follow the directory")
            tasks.create_task(self._watch_leases(), name="watch the leases")

    async def place(self, ref: str, *, again: bool = False) -> Place | None:
        """Where a session is, by uid or id, tombstones included; None: there is none.

        Asks the directory when it is not known here, or `again`, because what is known has proved wrong.
        Raises DirectoryUnavailable when only the directory could tell.
        """
        known = self._sessions.get(ref)
        if known is not None and not again:
            return known
        try:
            record = await self._directory.find(ref)
            if again:
                self._judge(await self._directory.workers())
        except DirectoryUnavailable:
            if known is None:
                raise
            return known
        if record is None:
            return None
        self._sessions.put(record)
        return place_of(record)

    def agent_of(self, ref: str | None) -> str:
        """The name of the agent that a listed session is; empty for none."""
        known = self._sessions.get(ref) if ref else None
        return known.agent if known is not None else ""

    async def uid_of(self, ref: str) -> str | None:
        """The uid that `ref` names now, tombstones included. Raises DirectoryUnavailable."""
        place = await self.place(ref)
        return place.uid if place is not None else None

    async def refresh(self) -> None:
        """Ask who lives. Raises DirectoryUnavailable."""
        self._judge(await self._directory.workers())

    def worker(self, worker_id: str) -> WorkerRecord | None:
        """A worker that lives."""
        return self._workers.alive(worker_id)

    def any_worker(self, avoid: Collection[str] = ()) -> WorkerRecord | None:
        """Some worker that lives, in turn; not one of the addresses in `avoid`."""
        return self._workers.any(avoid, self._clock())

    def placement(self, avoid: Collection[str] = ()) -> WorkerRecord | None:
        """The worker to start a session on."""
        return self._workers.placement(avoid, self._clock())

    def suspect(self, address: str) -> None:
        """Nobody answered at this address: choose others for a moment."""
        self._workers.suspect(address, self._clock())

    @property
    def workers_alive(self) -> int:
        """How many workers live."""
        return len(self._workers)

    async def _follow(self) -> None:
        while True:
            try:
                async with self._directory.changes() as changes:
                    await self._reload()
                    async for change in changes:
                        await self._apply(change)
            except DirectoryUnavailable as error:
                self._tell_outage(error)
            except Exception:
                log.exception("following the directory failed")
            await asyncio.sleep(AGAIN_AFTER)

    async def _reload(self) -> None:
        self._workers.unsure(self._clock())
        self._judge(await self._directory.workers())
        self._sessions.replace(await self._directory.sessions())
        self.loaded.set()
        self._outage_told = False

    def _tell_outage(self, error: DirectoryUnavailable) -> None:
        """Once an outage."""
        if not self._outage_told:
            log.warning("directory away", error=str(error))
        self._outage_told = True

    async def _apply(self, change: Change) -> None:
        if change.session is not None:
            self._sessions.put(change.session)
        elif change.removed is not None:
            self._sessions.remove(change.removed)
        elif change.worker is not None:
            if self._workers.heard(change.worker, self._clock()):
                self._mourn(change.worker.id)
        else:
            await self._reload()

    async def _watch_leases(self) -> None:
        while True:
            try:
                await self.refresh()
            except DirectoryUnavailable:
                self._workers.unsure(self._clock())
            except Exception:
                log.exception("looking at the leases failed")
            await asyncio.sleep(LEASES_EVERY)

    def _judge(self, workers: list[WorkerRecord]) -> None:
        for worker_id in self._workers.polled(workers, self._clock()):
            self._mourn(worker_id)

    def _mourn(self, worker_id: str) -> None:
        held = self._lines.cut(lifelines.of_worker(worker_id))
        log.warning("worker gone", worker=worker_id, connections=held)
