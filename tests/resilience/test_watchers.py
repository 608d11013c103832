"""The watcher through the death of its worker: another takes over, and what changed in between is told."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from gestalt_contracts.channels import Names
from gestalt_contracts.redis_client import create_redis
from tests.conftest import Starts
from tests.support import processes
from tests.support.eventually import eventually
from tests.support.listening import Listener, listening
from tests.support.stack import Stack

TAKEN_OVER_SECONDS = 8.0


async def holder(stack: Stack) -> str:
    """The worker that watches."""
    client = create_redis(stack.redis_url(), name="test")
    try:
        found = await client.get(Names().lease("watch"))
        return found.decode() if found else ""
    finally:
        await client.aclose()


async def holding_pid(stack: Stack) -> int:
    async with stack.api() as api:
        name = await eventually(lambda: holder(stack), 10, what="somebody watches")
        return next(int(worker["pid"]) for worker in await api.get("/api/workers") if worker["id"] == name)


def told(listener: Listener, file: Path) -> list[str]:
    return [frame["op"] for frame in listener.of("file-change") if frame["path"] == str(file)]


async def is_told(listener: Listener, file: Path, op: str) -> None:
    await eventually(lambda: op in told(listener, file), TAKEN_OVER_SECONDS, what=f"{op} {file}")


@pytest.mark.timeout(120)
async def test_a_watcher_that_is_killed_is_followed_by_one_that_finds_what_was_missed(stack: Starts) -> None:
    running = await stack(workers=2)
    work = running.workspace
    async with running.api() as api, listening(api, path="/ws/events") as ws:
        await running.settled(proven=True)
        for name in ("written", "removed"):
            (work / name).write_text("x")
            await is_told(ws, work / name, "CREATE")
        await eventually(lambda: "removed" in (running.data / "watch" / "snapshot").read_text(), 10)
        await running.settled()
        processes.kill(await holding_pid(running))
        (work / "new").mkdir()
        (work / "new" / "file").write_text("x")
        (work / "written").write_text("longer")
        (work / "removed").unlink()
        await is_told(ws, work / "new" / "file", "CREATE")
        await is_told(ws, work / "written", "WRITE")
        await is_told(ws, work / "removed", "REMOVE")
        (work / "after").write_text("x")
        await is_told(ws, work / "after", "CREATE")


@pytest.mark.timeout(120)
async def test_a_watcher_that_is_paused_is_replaced_and_tells_nothing_when_it_goes_on(stack: Starts) -> None:
    running = await stack(workers=2)
    work = running.workspace
    async with running.api() as api, listening(api, path="/ws/events") as ws:
        await running.settled()
        (work / "before").write_text("x")
        await is_told(ws, work / "before", "CREATE")
        paused = await holding_pid(running)
        first = await holder(running)
        processes.kill(paused, signal.SIGSTOP)
        try:
            await eventually(lambda: replaced(running, first), TAKEN_OVER_SECONDS, what="another watches")
            (work / "meanwhile").write_text("x")
            await is_told(ws, work / "meanwhile", "CREATE")
        finally:
            processes.kill(paused, signal.SIGCONT)
        for number in range(5):
            (work / f"later-{number}").write_text("x")
            await is_told(ws, work / f"later-{number}", "CREATE")
        assert told(ws, work / "meanwhile") == ["CREATE"]
        assert [told(ws, work / f"later-{number}") for number in range(5)] == [["CREATE"]] * 5


async def replaced(stack: Stack, first: str) -> bool:
    return await holder(stack) not in {first, ""}


async def test_the_worker_that_watches_stops_in_time(stack: Starts) -> None:
    running = await stack(workers=1)
    for number in range(200):
        folder = running.workspace / f"{number}" / "deep"
        folder.mkdir(parents=True)
        (folder / "file").write_text("x")
    clock = asyncio.get_running_loop().time
    begun = clock()
    assert await running.stop() == 0
    assert clock() - begun < 3
