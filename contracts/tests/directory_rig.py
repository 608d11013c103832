"""A directory, memory or Redis, and what befalls it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from redis.asyncio import Redis

from gestalt_contracts.channels import Names
from gestalt_contracts.directory import LEASE_MS, Change, Directory, SessionRecord, WorkerRecord
from gestalt_contracts.directory_memory import InMemoryDirectory
from gestalt_contracts.redis_directory import RedisDirectory

NAMES = Names("test")
NEVER = 1e9
DEADLINE = 10.0


class Rig:
    """A directory, a second one as another process would have it, and what befalls them."""

    def __init__(
        self,
        directory: Directory,
        other: Directory,
        expire: Callable[[str], Awaitable[Any]],
        forget: Callable[[], Awaitable[Any]],
    ) -> None:
        self.directory = directory
        self.other = other
        self.expire = expire
        self.forget = forget

    async def worker(self, id_: str = "w1", **more: Any) -> WorkerRecord:
        return await self.directory.register(worker(id_, **more), floor=0)

    async def session(self, owner: WorkerRecord, uid: str = "u1", base: str = "Shell", **more: Any) -> SessionRecord:
        """A session that was claimed and then written."""
        only = more.pop("only", False)
        name = await self.directory.claim(owner, uid, base, only=only, created_at=more.get("created_at", 1.0))
        assert isinstance(name, str)
        record = running(uid, name, owner, **more)
        await self.directory.write(owner, [record])
        return record

    async def found(self, ref: str = "u1") -> SessionRecord:
        record = await self.other.find(ref)
        assert record is not None
        return record


def worker(id_: str = "w1", **more: Any) -> WorkerRecord:
    fields = {"address": "127.0.0.1:1", "pid": 7, "host": "here", "capacity": 10, "version": "1", "started_at": 1.5}
    return WorkerRecord(id=id_, **{**fields, **more})


def running(uid: str, id_: str, owner: WorkerRecord, **more: Any) -> SessionRecord:
    status = more.pop("status", "running")
    fields = {"created_at": 1.0, "summary": {"id": id_, "status": status, "labels": {}, "cols": 80}, **more}
    return SessionRecord(uid=uid, id=id_, worker=owner.id, generation=owner.generation, status=status, **fields)


def memory_rig() -> Rig:
    moment = [1_000.0]
    directory = InMemoryDirectory(clock=lambda: moment[0])

    async def expire(_: str) -> None:
        moment[0] += LEASE_MS / 1_000

    async def forget() -> None:
        directory.forget()

    return Rig(directory, directory, expire, forget)


def redis_rig(client: Redis) -> Rig:
    async def expire(worker_id: str) -> None:
        await client.delete(NAMES.alive(worker_id))

    return Rig(RedisDirectory(client, NAMES), RedisDirectory(client, NAMES), expire, client.flushall)


@asynccontextmanager
async def following(rig: Rig) -> AsyncIterator[Callable[[int], Awaitable[list[Change]]]]:
    async with rig.other.changes() as changes:

        async def take(number: int) -> list[Change]:
            async with asyncio.timeout(DEADLINE):
                return [await anext(changes) for _ in range(number)]

        yield take
