"""The directory of one process: what RedisDirectory promises, without a server. For tests and services run alone."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from msgspec import Struct
from msgspec.structs import replace

from gestalt_contracts.broadcast import Broadcast, Reader
from gestalt_contracts.directory import (
    LEASE_MS,
    Change,
    DirectoryUnavailable,
    SessionRecord,
    StaleGeneration,
    Taken,
    WorkerRecord,
)
from gestalt_contracts.directory_rules import FORGOTTEN_SECONDS, TOMBSTONE_SECONDS, as_seen, starting

MILLISECONDS = 1_000


class Held(Struct):
    """A session as it is stored."""

    record: SessionRecord
    away_since: float | None = None
    lost: bool = False
    until: float | None = None  # a tombstone's end


class Lease(Struct, frozen=True):
    """Who has it until when."""

    holder: str
    until: float


class InMemoryDirectory:
    """A Directory within one process. `clock` gives Unix time in seconds; leases run out by it.

    `away` makes every call raise DirectoryUnavailable, as a Redis that is gone.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._changes: Broadcast[Change] = Broadcast()
        self.services: dict[str, dict[str, str]] = {}
        self.away = False
        self.forget()

    def forget(self) -> None:
        """Lose everything, as a Redis that was emptied does."""
        self._epoch = secrets.token_hex(8)
        self._generation = 0
        self._workspace: str | None = None
        self._workers: dict[str, WorkerRecord] = {}
        self._leases: dict[str, Lease] = {}
        self._sessions: dict[str, Held] = {}
        self._names: dict[str, str] = {}
        self._formers: dict[str, tuple[str, float]] = {}
        self._changes.tell(Change())

    async def register(self, worker: WorkerRecord, *, floor: int) -> WorkerRecord:
        """As Directory.register."""
        self._ensure_here()
        self._generation = max(self._generation, floor) + 1
        known = self._workers.get(worker.id)
        same = known is not None and (known.pid, known.started_at) == (worker.pid, worker.started_at)
        state = known.state if known is not None and same else worker.state
        registered = replace(worker, generation=self._generation, state=state, seen_at=self._clock(), gone_since=None)
        self._keep(worker.id, self._generation)
        return self._tell_worker(registered)

    async def renew(self, worker: WorkerRecord) -> WorkerRecord:
        """As Directory.renew."""
        self._ensure_current(worker)
        self._keep(worker.id, worker.generation)
        load = {"sessions": worker.sessions, "journal_bytes": worker.journal_bytes}
        stored = replace(self._workers[worker.id], **load, seen_at=self._clock())
        self._workers[worker.id] = stored
        return stored

    async def leave(self, worker: WorkerRecord) -> None:
        """As Directory.leave."""
        self._ensure_here()
        if self._generation_of(worker.id) == worker.generation:
            del self._leases["alive/" + worker.id]
            self._tell_worker(replace(self._workers[worker.id], state="live", gone_since=self._clock()))

    async def drain(self, worker_id: str, *, draining: bool) -> WorkerRecord | None:
        """As Directory.drain."""
        self._ensure_here()
        stored = self._workers.get(worker_id)
        return stored and self._tell_worker(replace(stored, state="draining" if draining else "live"))

    async def workers(self) -> list[WorkerRecord]:
        """As Directory.workers."""
        self._ensure_here()
        return [self._judged(worker) for worker in sorted(self._workers.values(), key=_by_start)]

    async def claim(
        self, worker: WorkerRecord, uid: str, base: str, *, only: bool, created_at: float, token_hash: str = ""
    ) -> str | Taken:
        """As Directory.claim."""
        self._ensure_current(worker)
        number = 1
        while not self._obtain(name := f"{base} {number}".strip(), uid, only=only):
            if only:
                return Taken(name, self._names[name])
            number += 1
        self._names[name] = uid
        self._formers.pop(name, None)
        if uid not in self._sessions:
            self._store(starting(uid, name, worker.id, worker.generation, created_at, token_hash))
        return name

    async def adopt(self, worker: WorkerRecord, record: SessionRecord) -> bool:
        """As Directory.adopt."""
        self._ensure_current(worker)
        held = self._sessions.get(record.uid)
        if held is not None and held.record.ended:
            return False
        owned = self._owned(worker, record, held)
        if self._holder(record.id) not in {None, record.uid}:
            self._sessions[record.uid] = Held(replace(owned, name_lost=True), lost=True)
            return False
        self._names[record.id] = record.uid
        self._store(owned)
        return True

    async def write(self, worker: WorkerRecord, records: Sequence[SessionRecord]) -> None:
        """As Directory.write."""
        self._ensure_current(worker)
        for record in records:
            held = self._sessions.get(record.uid)
            if held is not None and not held.record.ended:
                held.record = replace(self._owned(worker, record, held), name_lost=held.record.name_lost)
                self._tell_session(held)

    async def end(self, worker: WorkerRecord, uid: str, *, keep_seconds: float) -> None:
        """As Directory.end."""
        self._ensure_current(worker)
        if uid in self._sessions:
            self._bury(uid, keep_seconds)

    async def request_end(self, uid: str) -> bool:
        """As Directory.request_end."""
        self._ensure_here()
        held = self._sessions.get(uid)
        if held is None or held.record.ended:
            return False
        held.record = replace(held.record, end_requested=True)
        self._tell_session(held)
        return True

    async def sessions(self) -> list[SessionRecord]:
        """As Directory.sessions."""
        self._ensure_here()
        listed = [held for held in self._sessions.values() if not held.record.ended]
        return [self._seen(held) for held in sorted(listed, key=_by_creation)]

    async def find(self, ref: str) -> SessionRecord | None:
        """As Directory.find."""
        self._ensure_here()
        former, until = self._formers.get(ref, ("", 0.0))
        uid = ref if ref in self._sessions else self._names.get(ref, former if until > self._clock() else "")
        held = self._sessions.get(uid)
        if held is None or (held.until is not None and held.until <= self._clock()):
            return None
        return self._seen(held)

    async def sweep(self, *, lost_after: float) -> None:
        """As Directory.sweep."""
        self._ensure_here()
        for worker in list(self._workers.values()):
            self._sweep_worker(worker)
        for uid, held in list(self._sessions.items()):
            self._sweep_session(uid, held, lost_after)
        owners = {held.record.worker for held in self._sessions.values() if not held.record.ended}
        for worker in list(self._workers.values()):
            if (
                worker.gone_since is not None
                and worker.id not in owners
                and self._since(worker.gone_since) >= lost_after
            ):
                del self._workers[worker.id]

    async def hold(self, task: str, holder: str, *, milliseconds: int) -> bool:
        """As Directory.hold."""
        self._ensure_here()
        lease = self._lease("task/" + task)
        if lease is not None and lease.holder != holder:
            return False
        self._leases["task/" + task] = Lease(holder, self._clock() + milliseconds / MILLISECONDS)
        return True

    async def release(self, task: str, holder: str) -> None:
        """As Directory.release."""
        self._ensure_here()
        lease = self._lease("task/" + task)
        if lease is not None and lease.holder == holder:
            del self._leases["task/" + task]

    async def bind_workspace(self, workspace_id: str) -> str:
        """As Directory.bind_workspace."""
        self._ensure_here()
        self._workspace = self._workspace or workspace_id
        return self._workspace

    async def service(self, name: str) -> dict[str, str]:
        """As Directory.service: what was put into `services`."""
        self._ensure_here()
        return self.services.get(name, {})

    async def server_id(self) -> str:
        """As Directory.server_id."""
        self._ensure_here()
        return self._epoch

    @asynccontextmanager
    async def changes(self) -> AsyncIterator[AsyncIterator[Change]]:
        """As Directory.changes."""
        self._ensure_here()
        yield MemoryChanges(self._changes.reader())

    def _ensure_here(self) -> None:
        if self.away:
            raise DirectoryUnavailable("the directory is set away")

    def _ensure_current(self, worker: WorkerRecord) -> None:
        self._ensure_here()
        if self._generation_of(worker.id) != worker.generation:
            raise StaleGeneration(f"worker {worker.id} no longer holds generation {worker.generation}")

    def _lease(self, key: str) -> Lease | None:
        lease = self._leases.get(key)
        return lease if lease is not None and lease.until > self._clock() else None

    def _keep(self, worker_id: str, generation: int) -> None:
        self._leases["alive/" + worker_id] = Lease(str(generation), self._clock() + LEASE_MS / MILLISECONDS)

    def _generation_of(self, worker_id: str) -> int | None:
        lease = self._lease("alive/" + worker_id)
        return None if lease is None else int(lease.holder)

    def _since(self, moment: float) -> float:
        return self._clock() - moment

    def _judged(self, worker: WorkerRecord) -> WorkerRecord:
        return worker if self._generation_of(worker.id) is not None else replace(worker, state="gone")

    def _seen(self, held: Held) -> SessionRecord:
        here = self._generation_of(held.record.worker) == held.record.generation
        return as_seen(held.record, here=here, lost=held.lost)

    def _holder(self, name: str) -> str | None:
        """The uid that has a name and still exists."""
        uid = self._names.get(name)
        return uid if uid in self._sessions else None

    def _obtain(self, name: str, uid: str, *, only: bool) -> bool:
        holder = self._holder(name)
        if holder is None or holder == uid:
            return True
        held = self._sessions[holder]
        if held.lost:
            held.record = replace(held.record, name_lost=True)
            self._tell_session(held)
            return True
        if only and held.record.status == "closed":
            self._bury(holder, TOMBSTONE_SECONDS)
            return True
        return False

    def _owned(self, worker: WorkerRecord, record: SessionRecord, held: Held | None) -> SessionRecord:
        requested = held is not None and held.record.end_requested
        return replace(record, worker=worker.id, generation=worker.generation, end_requested=requested, name_lost=False)

    def _store(self, record: SessionRecord) -> None:
        self._sessions[record.uid] = Held(record)
        self._tell_session(self._sessions[record.uid])

    def _bury(self, uid: str, keep_seconds: float) -> None:
        held = self._sessions[uid]
        name, until = held.record.id, self._clock() + keep_seconds
        if self._names.get(name) == uid:
            del self._names[name]
            self._formers[name] = (uid, until)
        held.record = replace(held.record, ended=True)
        held.until = until
        if keep_seconds <= 0:
            del self._sessions[uid]
        self._changes.tell(Change(removed=uid))

    def _sweep_worker(self, worker: WorkerRecord) -> None:
        if worker.gone_since is None and self._generation_of(worker.id) is None:
            self._tell_worker(replace(worker, gone_since=self._clock()))

    def _sweep_session(self, uid: str, held: Held, lost_after: float) -> None:
        if held.until is not None:
            if held.until <= self._clock():
                del self._sessions[uid]
            return
        if self._generation_of(held.record.worker) == held.record.generation:
            return
        before = (held.away_since, held.lost)
        held.away_since = held.away_since or self._clock()
        held.lost = held.lost or self._since(held.away_since) >= lost_after
        if self._since(held.away_since) >= FORGOTTEN_SECONDS:
            self._bury(uid, 0)
        elif before != (held.away_since, held.lost):
            self._tell_session(held)

    def _tell_session(self, held: Held) -> None:
        self._changes.tell(Change(session=self._seen(held)))

    def _tell_worker(self, worker: WorkerRecord) -> WorkerRecord:
        self._workers[worker.id] = worker
        judged = self._judged(worker)
        self._changes.tell(Change(worker=judged))
        return judged


class MemoryChanges:
    """A reader of changes."""

    def __init__(self, reader: Reader[Change]) -> None:
        self._reader = reader

    def __aiter__(self) -> AsyncIterator[Change]:
        return self

    async def __anext__(self) -> Change:
        """The next change; an empty one when this reader fell behind."""
        return await self._reader.next() or Change()


def _by_start(worker: WorkerRecord) -> tuple[float, str]:
    return worker.started_at, worker.id


def _by_creation(held: Held) -> tuple[float, str]:
    return held.record.created_at, held.record.uid
