"""Leases on jobs, the workspace, and what is told of changes, in memory and Redis alike."""

from __future__ import annotations

import asyncio

import pytest
from directory_rig import DEADLINE, NAMES, Rig, following, worker

from gestalt_contracts.broadcast import RECENT
from gestalt_contracts.directory import (
    Change,
    Directory,
    DirectoryUnavailable,
)
from gestalt_contracts.directory_memory import InMemoryDirectory
from gestalt_contracts.redis_client import create_redis
from gestalt_contracts.redis_directory import RedisDirectory


async def test_a_job_is_held_by_one(rig: Rig) -> None:
    assert await rig.directory.hold("sweep", "a", milliseconds=60_000) is True
    assert await rig.other.hold("sweep", "b", milliseconds=60_000) is False
    assert await rig.directory.hold("sweep", "a", milliseconds=60_000) is True
    await rig.other.release("sweep", "b")
    assert await rig.other.hold("sweep", "b", milliseconds=60_000) is False
    await rig.directory.release("sweep", "a")
    assert await rig.other.hold("sweep", "b", milliseconds=60_000) is True
    assert await rig.other.hold("watch", "a", milliseconds=60_000) is True


async def test_the_first_workspace_stands(rig: Rig) -> None:
    assert await rig.directory.bind_workspace("mine") == "mine"
    assert await rig.other.bind_workspace("yours") == "mine"


async def test_who_falls_far_behind_the_changes_is_told_to_look_again(rig: Rig) -> None:
    owner = await rig.worker()
    await rig.session(owner)
    async with following(rig) as take:
        for _ in range(RECENT + 50):
            await rig.directory.drain("w1", draining=True)
        await rig.directory.drain("w1", draining=False)
        await heard(rig.directory)
        assert await take(1) == [Change()]
        drained = await rig.directory.drain("w1", draining=True)
        assert await take(1) == [Change(worker=drained)]


async def heard(directory: Directory) -> None:
    """Return when everything told so far has arrived in this process."""
    async with asyncio.timeout(DEADLINE), directory.changes() as changes:
        await directory.drain("w1", draining=False)
        await anext(changes)


async def test_a_wait_for_a_change_that_is_cancelled_at_any_moment_loses_nothing(rig: Rig) -> None:
    await rig.worker()
    async with rig.other.changes() as changes:
        for turns in range(25):
            waiting = asyncio.ensure_future(anext(changes))
            drained = await rig.directory.drain("w1", draining=bool(turns % 2))
            for _ in range(turns):
                await asyncio.sleep(0)
            waiting.cancel()
            (outcome,) = await asyncio.gather(waiting, return_exceptions=True)
            if not isinstance(outcome, Change):
                async with asyncio.timeout(DEADLINE):
                    outcome = await anext(changes)
            assert outcome == Change(worker=drained)


async def test_a_directory_that_is_away_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gestalt_contracts.redis_channel.CALL_SECONDS", 0.5)
    memory = InMemoryDirectory()
    memory.away = True
    client = create_redis("unix:///nowhere/at/all", name="test")
    for directory in (memory, RedisDirectory(client, NAMES)):
        outcomes = await asyncio.gather(
            directory.register(worker(), floor=0),
            directory.sessions(),
            directory.find("u1"),
            directory.sweep(lost_after=0),
            directory.server_id(),
            directory.bind_workspace("x"),
            follow(directory),
            return_exceptions=True,
        )
        assert [type(outcome) for outcome in outcomes] == [DirectoryUnavailable] * 7
    await client.aclose()


async def follow(directory: Directory) -> None:
    async with directory.changes():
        pass
