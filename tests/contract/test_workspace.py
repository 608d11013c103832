"""The workspace through the gateway: files as they are saved, branches, plans (contract §4, §5)."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.client import Api
from tests.support.eventually import eventually
from tests.support.listening import Listener, listening
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")

SAVED_SECONDS = 0.4
ROUNDS = 10
FILES = 10_000


def git(folder: Path, *words: str) -> str:
    who = ("-c", "user.name=N", "-c", "user.email=n@example.org", "-c", "commit.gpgsign=false")
    argv = [shutil.which("git") or "git", *who, *words]
    return subprocess.run(argv, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def paths(listener: Listener, kind: str = "file-change") -> list[str]:
    return [frame["path"] for frame in listener.of(kind)]


async def watched(system: Stack, listener: Listener) -> None:
    """Wait until files are watched: a first one is told."""
    probe = system.workspace / "probe"

    def told() -> bool:
        probe.write_text(f"{asyncio.get_running_loop().time()}")
        return str(probe) in paths(listener)

    await eventually(told, 10)


# -- refusals


async def test_a_plan_that_is_not_there_is_not_found(api: Api) -> None:
    answer = await api.http.get("/api/plans/none.org")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert (await api.http.post("/api/plans")).status_code == 405
    for path in ("/api/plans/..%2f..%2fsecret.org", "/api/plans/%2e%2e/secret.org"):
        assert (await api.http.get(path)).status_code == 404


# -- files


async def test_a_saved_file_is_told_soon_to_every_stream_under_one_id(api: Api, system: Stack) -> None:
    clock = asyncio.get_running_loop().time
    async with (
        listening(api, path="/api/events/stream?types=file-change") as sse,
        listening(api, path="/ws/events") as ws,
    ):
        await watched(system, sse)
        waits = []
        for number in range(ROUNDS):
            file = system.workspace / f"saved-{number}"
            begun = clock()
            file.write_text("x")
            await eventually(lambda file=file: str(file) in paths(sse))  # type: ignore[misc]
            waits.append(clock() - begun)
        assert sorted(waits)[ROUNDS // 2] <= SAVED_SECONDS, waits
        (told,) = [frame for frame in sse.frames if frame["path"].endswith("saved-0")]
        assert (set(told), told["op"]) == ({"type", "path", "op", "timestamp", "id"}, "CREATE")
        await eventually(lambda: told in ws.frames)


async def test_types_and_subscriptions_choose_what_is_told(api: Api, system: Stack) -> None:
    async with listening(api, path="/api/events/stream?types=git-branch") as branches:
        async with listening(api, path="/api/events/stream") as everything:
            await watched(system, everything)
        assert branches.frames == []


async def test_ignored_files_and_own_files_are_not_told(api: Api, system: Stack) -> None:
    async with listening(api, path="/ws/events") as ws:
        await watched(system, ws)
        (system.workspace / ".gitignore").write_text("*.log\n")
        await eventually(lambda: str(system.workspace / ".gitignore") in paths(ws))
        session = await api.create(["sh", "-c", "for n in 1 2 3; do echo $n; done > x.log; echo done > y.txt"])
        await eventually(lambda: str(system.workspace / "y.txt") in paths(ws))
        await api.delete(session["uid"])
        assert [path for path in paths(ws) if path.endswith(".log") or "/.gestalt/slots" in path] == []


# -- plans


async def test_a_saved_plan_is_told_and_served(api: Api, system: Stack) -> None:
    async with listening(api, path="/api/events/stream?types=file-change") as sse:
        await watched(system, sse)
        plan = system.data / "plans" / "größe.org"
        plan.write_text("#+TITLE: Größe\n* TODO [#A] Eins\n** DONE [#B] Zwei :tag:\n- [X] drei\n")
        (system.data / "plans" / "bad.org").write_bytes(b"\xff")
        await eventually(lambda: str(plan) in paths(sse))
    plans = (await api.get("/api/plans"))["plans"]
    assert [found["filename"] for found in plans] == ["größe.org", "bad.org"]
    assert (plans[0]["title"], plans[0]["l2_count"], plans[0]["headings"][0]["children"][0]["tags"]) == (
        "Größe", 1, ["tag"],
    )  # fmt: skip
    assert plans[1]["error"] == "bad.org is not UTF-8 text: byte 0"
    assert await api.get("/api/plans/größe.org") == plans[0]


# -- branches


@pytest.mark.timeout(120)
async def test_a_checkout_of_ten_thousand_files_is_told_whole_or_counted_and_its_branch_always(
    api: Api, system: Stack
) -> None:
    work = system.workspace
    async with (
        listening(api, path="/ws/events") as ws,
        listening(api, path="/api/events/stream?types=git-branch") as sse,
    ):
        git(work, "init", "-q", "-b", "main")
        (work / ".gitignore").write_text(".gestalt/\n")
        git(work, "add", "--all")
        git(work, "commit", "-q", "-m", "few")
        git(work, "checkout", "-q", "-b", "many")
        await eventually(lambda: paths(ws, "git-branch")[-1:] == ["many"], 10)
        for number in range(FILES):
            folder = work / f"d{number // 500}"
            folder.mkdir(exist_ok=True)
            (folder / f"{number}").write_text("x")
        git(work, "add", "--all")
        git(work, "commit", "-q", "-m", "many")
        git(work, "checkout", "-q", "main")
        await eventually(lambda: paths(ws, "git-branch")[-1:] == ["main"], 10)
        await still(ws)
        begin = len(ws.frames)
        git(work, "checkout", "-q", "many")
        await eventually(lambda: paths(sse, "git-branch")[-1:] == ["many"], 10)
        await eventually(lambda: whole(ws.frames[begin:]) == FILES, 30, what="each file is told or counted")
        told = [frame["path"] for frame in ws.frames[begin:] if frame["type"] == "file-change"]
        assert len(told) == len(set(told))
        assert (await api.get("/api/status"))["git_branch"] == "many"
        (work / "after").write_text("x")
        await eventually(lambda: str(work / "after") in paths(ws), 10)


def whole(frames: list[dict[str, Any]]) -> int:
    """Files told and files counted."""
    return sum(frame.get("suppressed", 1) for frame in frames if frame["type"] in {"file-change", "watch_error"})


async def still(listener: Listener) -> None:
    """Wait until nothing has been told for a moment."""
    seen, since, clock = -1, 0.0, asyncio.get_running_loop().time

    def quiet() -> bool:
        nonlocal seen, since
        if len(listener.frames) != seen:
            seen, since = len(listener.frames), clock()
        return clock() - since > 1.5

    await eventually(quiet, 30)


async def test_what_was_missed_is_told_after_the_last_id(api: Api, system: Stack) -> None:
    async with listening(api, path="/ws/events") as ws:
        await watched(system, ws)
        last = ws.last
    (system.workspace / "missed").write_text("x")
    async with listening(api, path="/ws/events", after=last) as again:
        await eventually(lambda: str(system.workspace / "missed") in paths(again))
