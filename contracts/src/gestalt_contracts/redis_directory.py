"""The directory over Redis: one script for each question, so that races end inside the server."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from msgspec.structs import replace
from redis.asyncio import Redis

from gestalt_contracts.broadcast import Broadcast, Reader
from gestalt_contracts.channels import Names
from gestalt_contracts.directory import (
    LEASE_MS,
    Change,
    DirectoryUnavailable,
    SessionRecord,
    StaleGeneration,
    Taken,
    WorkerRecord,
)
from gestalt_contracts.directory_rules import FORGOTTEN_SECONDS, TOMBSTONE_SECONDS
from gestalt_contracts.redis_channel import Channel
from gestalt_contracts.redis_client import CALL_SECONDS, away_as
from gestalt_contracts.redis_heartbeat import newest_heartbeat
from gestalt_contracts.redis_records import Told, process_of, session_of, tell_worker, told_of, worker_of
from gestalt_contracts.redis_scripts import Scripts, Word

WRITTEN_AT_ONCE = 100
"""Records in one script: some hundred kB, so that Redis is never busy with one for long."""

TOLD_SINGLY = 32
"""Changes of one sweep that are told one by one; more are told as: look at everything again."""

MILLISECONDS = 1_000


class RedisDirectory:
    """A Directory over the Redis behind `client`, with the keys of `names`. Times are the server's."""

    def __init__(self, client: Redis, names: Names) -> None:
        self._client = client
        self._scripts = Scripts(client)
        self._names = names
        self._changes: Broadcast[Told] = Broadcast()
        self._channel = Channel(client, names.summaries, self._on_link, self._on_message)

    async def register(self, worker: WorkerRecord, *, floor: int) -> WorkerRecord:
        """As Directory.register. The process that registers again stays draining if it was set so."""
        names = self._names
        keys = [names.generation, names.alive(worker.id), names.worker(worker.id), names.workers, names.summaries]
        answer = await self._run(
            "register",
            keys,
            [
                worker.id,
                floor,
                LEASE_MS,
                msgspec.json.encode(worker),
                worker.sessions,
                worker.state,
                process_of(worker),
                tell_worker(worker.id),
            ],
        )
        generation, state, now = answer
        return replace(worker, generation=generation, state=str(state, "ascii"), seen_at=float(now), gone_since=None)

    async def renew(self, worker: WorkerRecord) -> WorkerRecord:
        """As Directory.renew."""
        keys = [self._names.alive(worker.id), self._names.worker(worker.id)]
        answer = await self._run("renew", keys, [worker.generation, LEASE_MS, worker.sessions, worker.journal_bytes])
        if answer is None:
            raise _stale(worker)
        state, now = answer
        return replace(worker, state=str(state, "ascii"), seen_at=float(now))

    async def leave(self, worker: WorkerRecord) -> None:
        """As Directory.leave."""
        keys = [self._names.alive(worker.id), self._names.worker(worker.id), self._names.summaries]
        await self._run("leave", keys, [worker.generation, tell_worker(worker.id)])

    async def drain(self, worker_id: str, *, draining: bool) -> WorkerRecord | None:
        """As Directory.drain."""
        keys = [self._names.worker(worker_id), self._names.summaries]
        await self._run("drain", keys, ["draining" if draining else "live", tell_worker(worker_id)])
        return await self._worker(worker_id)

    async def workers(self) -> list[WorkerRecord]:
        """As Directory.workers."""
        arguments = [self._names.worker(""), self._names.alive("")]
        found = await self._run("workers", [self._names.workers], arguments)
        known = [worker for worker in (worker_of(*pair) for pair in found) if worker is not None]
        return sorted(known, key=lambda worker: (worker.started_at, worker.id))

    async def claim(
        self, worker: WorkerRecord, uid: str, base: str, *, only: bool, created_at: float, token_hash: str = ""
    ) -> str | Taken:
        """As Directory.claim. Asking again for the same uid answers the name it got."""
        names = self._names
        keys = [names.alive(worker.id), names.sessions, names.session(uid), names.summaries]
        tombstone = int(TOMBSTONE_SECONDS * MILLISECONDS)
        arguments: list[Word] = [worker.generation, uid, base, int(only), repr(created_at), worker.id, tombstone]
        prefixes = [names.name(""), names.session(""), names.former("")]
        answer = await self._run("claim", keys, [*arguments, *prefixes, token_hash])
        outcome, *words = (str(word, "utf-8") for word in answer)
        if outcome == "stale":
            raise _stale(worker)
        name, holder = words
        return Taken(name, holder) if outcome == "taken" else name

    async def adopt(self, worker: WorkerRecord, record: SessionRecord) -> bool:
        """As Directory.adopt. False also for a session that was ended meanwhile."""
        names = self._names
        keys = [names.alive(worker.id), names.sessions, names.session(record.uid)]
        keys += [names.name(record.id), names.former(record.id), names.summaries]
        owned, announcement = _written(worker, record)
        arguments: list[Word] = [worker.generation, record.uid, record.id, worker.id, repr(record.created_at)]
        outcome = await self._run("adopt", keys, [*arguments, record.status, owned, announcement, names.session("")])
        if outcome == b"stale":
            raise _stale(worker)
        return bool(outcome == b"kept")

    async def write(self, worker: WorkerRecord, records: Sequence[SessionRecord]) -> None:
        """As Directory.write."""
        for start in range(0, len(records), WRITTEN_AT_ONCE):
            await self._write(worker, records[start : start + WRITTEN_AT_ONCE])

    async def end(self, worker: WorkerRecord, uid: str, *, keep_seconds: float) -> None:
        """As Directory.end."""
        names = self._names
        keys = [names.alive(worker.id), names.sessions, names.session(uid), names.summaries]
        keep = int(keep_seconds * MILLISECONDS)
        if not await self._run("end", keys, [worker.generation, uid, keep, names.name(""), names.former("")]):
            raise _stale(worker)

    async def request_end(self, uid: str) -> bool:
        """As Directory.request_end."""
        return bool(await self._run("request_end", [self._names.session(uid), self._names.summaries], [uid]))

    async def sessions(self) -> list[SessionRecord]:
        """As Directory.sessions."""
        arguments = [self._names.session(""), self._names.alive("")]
        return [session_of(*found) for found in await self._run("sessions", [self._names.sessions], arguments)]

    async def find(self, ref: str) -> SessionRecord | None:
        """As Directory.find."""
        names = self._names
        keys = [names.session(ref), names.name(ref), names.former(ref)]
        found = await self._run("find", keys, [ref, names.session(""), names.alive("")])
        return None if found is None else session_of(*found)

    async def sweep(self, *, lost_after: float) -> None:
        """As Directory.sweep."""
        names = self._names
        prefixes = [names.worker(""), names.alive(""), names.session(""), names.name("")]
        arguments: list[Word] = [lost_after, FORGOTTEN_SECONDS, TOLD_SINGLY, *prefixes]
        await self._run("sweep", [names.workers, names.sessions, names.summaries], arguments)

    async def hold(self, task: str, holder: str, *, milliseconds: int) -> bool:
        """As Directory.hold."""
        return bool(await self._run("hold", [self._names.lease(task)], [holder, milliseconds]))

    async def release(self, task: str, holder: str) -> None:
        """As Directory.release."""
        await self._run("release", [self._names.lease(task)], [holder])

    async def bind_workspace(self, workspace_id: str) -> str:
        """As Directory.bind_workspace."""
        return await self._first_value(self._names.workspace, workspace_id)

    async def service(self, name: str) -> dict[str, str]:
        """As Directory.service."""
        return await newest_heartbeat(self._client, self._names, name)

    async def server_id(self) -> str:
        """As Directory.server_id."""
        epoch = await self._first_value(self._names.epoch, secrets.token_hex(8))
        with away_as(DirectoryUnavailable):
            async with asyncio.timeout(CALL_SECONDS):
                facts = await self._client.info("server")
        return f"{facts['run_id']}/{epoch}"

    @asynccontextmanager
    async def changes(self) -> AsyncIterator[AsyncIterator[Change]]:
        """As Directory.changes."""
        async with self._channel.listening():
            with away_as(DirectoryUnavailable):
                await self._channel.linked()
            yield RedisChanges(self, self._changes.reader())

    async def look_up(self, told: Told) -> Change:
        """The change that a message tells of."""
        if told.look is not None:
            session = await self.find(told.look)
            return Change(removed=told.look) if session is None else Change(session=session)
        if told.worker is not None:
            return Change(worker=await self._worker(told.worker))
        return Change(session=told.session, removed=told.removed)

    async def _write(self, worker: WorkerRecord, records: Sequence[SessionRecord]) -> None:
        names = self._names
        keys = [names.alive(worker.id), names.summaries, *(names.session(record.uid) for record in records)]
        words = [word for record in records for word in (record.status, *_written(worker, record))]
        if not await self._run("write", keys, [worker.generation, *words]):
            raise _stale(worker)

    async def _worker(self, worker_id: str) -> WorkerRecord | None:
        return next((worker for worker in await self.workers() if worker.id == worker_id), None)

    async def _first_value(self, key: str, value: str) -> str:
        with away_as(DirectoryUnavailable):
            async with asyncio.timeout(CALL_SECONDS):
                await self._client.set(key, value, nx=True)
                stands: Any = await self._client.get(key)
        return value if stands is None else bytes(stands).decode()

    async def _run(self, name: str, keys: Sequence[str], arguments: Sequence[Word]) -> Any:
        with away_as(DirectoryUnavailable):
            return await self._scripts.run(name, keys, arguments)

    def _on_link(self) -> None:
        self._changes.tell(Told(all=True))

    def _on_message(self, message: bytes) -> None:
        self._changes.tell(told_of(message))


class RedisChanges:
    """A reader of changes. Cancelling a wait for the next one loses nothing."""

    def __init__(self, directory: RedisDirectory, reader: Reader[Told]) -> None:
        self._directory = directory
        self._reader = reader
        self._told: Told | None = None

    def __aiter__(self) -> AsyncIterator[Change]:
        return self

    async def __anext__(self) -> Change:
        """The next change; an empty one when some may have been missed."""
        self._told = self._told or await self._reader.next() or Told(all=True)
        try:
            change = await self._directory.look_up(self._told)
        except DirectoryUnavailable:
            change = Change()
        self._told = None
        return change


def _written(worker: WorkerRecord, record: SessionRecord) -> tuple[bytes, bytes]:
    """A record as it is stored, and as it is told."""
    owned = msgspec.json.encode(replace(record, worker=worker.id, generation=worker.generation))
    return owned, b'{"session":' + owned + b"}"


def _stale(worker: WorkerRecord) -> StaleGeneration:
    return StaleGeneration(f"worker {worker.id} no longer holds generation {worker.generation}")
