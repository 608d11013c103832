"""A worker's place in the directory.

It registers, renews, registers again after whatever happened to its lease or to Redis, and keeps its sessions' records
fresh. Terminals never wait for any of this.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

import msgspec
import structlog

from gestalt_contracts.directory import (
    LEASE_MS,
    Directory,
    DirectoryUnavailable,
    SessionRecord,
    StaleGeneration,
    WorkerRecord,
)
from gestalt_session.cluster.standstill import Standstill
from gestalt_session.terminal.folder import may_live
from gestalt_session.terminal.session import Session
from gestalt_session.terminal.slot import Slot
from gestalt_session.terminal.summary import summary

RENEW_EVERY = 1.0  # a third of the lease
ALL_SECONDS = 3.0  # workers notice the loss of their lease within a second, and adopt within another
ALL_PAUSE = 0.05
SWEEP_LEASE_MS = 1_500  # whoever holds it sweeps with each beat; another does 1.5 s after its death

log = structlog.get_logger()


class Roster(Protocol):
    """Where the sessions of this worker are found."""

    def listed(self) -> Iterable[Session]:
        """All that are listed."""

    def is_making(self, uid: str) -> bool:
        """Whether its name is claimed and its program is about to be listed."""

    async def end_unwanted(self, record: SessionRecord) -> None:
        """Somebody deleted this session, or took its name, while we were away: end it."""


class Membership:
    """The lease, and the records behind it."""

    def __init__(
        self,
        directory: Directory,
        slot: Slot,
        record: WorkerRecord,
        roster: Roster,
        *,
        lost_after: float,
        retention: float,
        beat: Callable[[], Awaitable[None]],
    ) -> None:
        self.record = record
        self._directory = directory
        self._slot = slot
        self._roster = roster
        self._lost_after = lost_after
        self._retention = retention
        self._beat = beat
        self._dirty: dict[str, Session] = {}
        self._registered = False
        self._among_all = False
        self._standstill = Standstill(LEASE_MS / 1000 - RENEW_EVERY)
        self._given_up = 0
        self._stirred = asyncio.Event()
        self._renewed_at = time.monotonic()
        self.late = 0.0
        """How late the event loop was when the last beat was due, seconds."""

    def is_given_up(self, generation: int) -> bool:
        """Whether what was sent to us under `generation` may have been answered for us: we stood still since."""
        return generation <= self._given_up or self._standstill.lasted()

    @property
    def lease_age(self) -> float:
        """Seconds since the lease was last renewed."""
        return time.monotonic() - self._renewed_at

    def changed(self, session: Session) -> None:
        """The record of `session` is to be written with the next beat."""
        self._dirty[session.uid] = session

    def forget(self, session: Session) -> None:
        """`session` has left the list."""
        self._dirty.pop(session.uid, None)

    def record_of(self, session: Session) -> SessionRecord:
        """What others see of a session of ours."""
        return SessionRecord(
            uid=session.uid,
            id=session.id,
            worker=self.record.id,
            generation=self.record.generation,
            created_at=session.file.created_at,
            status=session.status.value,
            summary=summary(session, self.record.id),
            token_hash=session.file.token_hash,
        )

    async def register(self) -> None:
        """Take the lease anew and re-register everything we hold. Raises DirectoryUnavailable."""
        self._among_all = False
        self.record = await self._directory.register(self.record, floor=self._slot.state.generation)
        await asyncio.to_thread(self._slot.keep_generation, self.record.generation)
        noted = {record.uid: record for record in await self._directory.sessions()}
        for session in list(self._roster.listed()):
            known = noted.get(session.uid)
            if known is not None and (known.end_requested or known.name_lost):
                await self._roster.end_unwanted(known)
            elif not await self._directory.adopt(self.record, self.record_of(session)):
                await self._roster.end_unwanted(self.record_of(session))
        await self._disown(noted.values())
        self._registered = self.record.generation > self._given_up
        log.info("registered", worker=self.record.id, generation=self.record.generation)

    async def _disown(self, noted: Iterable[SessionRecord]) -> None:
        """End what is noted as ours and is not here: deleted while Redis was away, or claimed just before a crash."""
        held = {session.uid for session in self._roster.listed()}
        for record in noted:
            if record.worker == self.record.id and record.uid not in held and not self._roster.is_making(record.uid):
                wrote = (self._slot.sessions / record.uid).exists()
                await self._directory.end(self.record, record.uid, keep_seconds=self._retention if wrote else 0)

    async def among_all(self) -> None:
        """Wait until every session on this volume that may live is known to the directory, ALL_SECONDS at the most.

        Asked before a name is claimed: a Redis that lost its data gives away the names of sessions whose workers have
        not registered them again. Raises DirectoryUnavailable.
        """
        if self._among_all:
            return
        expected = await asyncio.to_thread(may_live, self._slot.folder.parent)
        until = asyncio.get_running_loop().time() + ALL_SECONDS
        while not await self._knows(expected) and asyncio.get_running_loop().time() < until:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(ALL_PAUSE)
        self._among_all = True

    async def _knows(self, uids: set[str]) -> bool:
        return uids <= {record.uid for record in await self._directory.sessions()}

    def tell_again(self) -> None:
        """Something could not be told: with the next beat everything is."""
        self._registered = False

    def write_soon(self, session: Session) -> None:
        """The record of `session` is to be written without waiting for the next beat."""
        self._dirty[session.uid] = session
        self._stirred.set()

    async def write_now(self, session: Session) -> None:
        """Write one record at once. Raises DirectoryUnavailable, StaleGeneration."""
        self._dirty.pop(session.uid, None)
        await self._directory.write(self.record, [self.record_of(session)])

    async def keep_forever(self) -> None:
        """Beat once a second, whatever happens, and at once after a standstill."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._standstill.watch(self._stood_still), name="notice a standstill")
            await self._beat_forever()

    def _stood_still(self) -> None:
        """What was sent to us before may have been answered for us: a new generation tells it from what comes now."""
        self._given_up, self._registered = self.record.generation, False
        self._stirred.set()
        log.warning("stood still for longer than a lease may last", worker=self.record.id)

    async def _rest(self, seconds: float) -> None:
        until, self.late = time.monotonic() + seconds, 0.0
        try:
            async with asyncio.timeout(seconds):
                await self._stirred.wait()
        except TimeoutError:
            self.late = time.monotonic() - until
        self._stirred.clear()

    async def _beat_forever(self) -> None:
        pause = RENEW_EVERY
        while True:
            await self._rest(pause)
            pause = RENEW_EVERY
            try:
                await self._one_beat()
            except DirectoryUnavailable as error:
                self._registered = False  # Redis may come back empty: register again, which is harmless if it did not
                log.warning("the directory is away", error=str(error))
            except StaleGeneration:
                pause = RENEW_EVERY if not self._registered else 0.0  # callers are refused until we are registered
                self._registered = False
                log.warning("the lease was lost", worker=self.record.id)
            except Exception:
                log.exception("a beat failed")

    async def _one_beat(self) -> None:
        await self._beat()
        if not self._registered:
            await self.register()
        listed = list(self._roster.listed())
        load = {
            "sessions": sum(session.live for session in listed),
            "journal_bytes": sum(s.journal.kept for s in listed),
        }
        self.record = await self._directory.renew(msgspec.structs.replace(self.record, **load))
        self._renewed_at = time.monotonic()
        await self._write_dirty()
        await self._sweep()

    async def _write_dirty(self) -> None:
        dirty, self._dirty = self._dirty, {}
        try:
            if dirty:
                await self._directory.write(self.record, [self.record_of(session) for session in dirty.values()])
        except (DirectoryUnavailable, StaleGeneration):
            self._dirty = dirty | self._dirty
            raise

    async def _sweep(self) -> None:
        if await self._directory.hold("sweep", self.record.id, milliseconds=SWEEP_LEASE_MS):
            await self._directory.sweep(lost_after=self._lost_after)

    async def is_draining(self) -> bool:
        """What the directory says of us now. Raises DirectoryUnavailable."""
        states = {worker.id: worker.state for worker in await self._directory.workers()}
        return states.get(self.record.id) == "draining"

    async def set_draining(self, *, draining: bool) -> None:
        """Take no more sessions, or take them again."""
        changed = await self._directory.drain(self.record.id, draining=draining)
        if changed is not None:
            self.record = msgspec.structs.replace(self.record, state=changed.state)

    async def leave(self) -> None:
        """A clean stop: the last word on every session, then the lease is given back."""
        try:
            await self._write_dirty()
            await self._directory.leave(self.record)
        except (DirectoryUnavailable, StaleGeneration) as error:
            log.warning("left without a word to the directory", error=repr(error))
