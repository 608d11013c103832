"""The workspace as clients of workers see it: files and branches as events, whoever of the workers watches."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from session_world import Running, World
from viewing import Viewer
from waiting import eventually
from watching import git

from gestalt_contracts.bus_memory import InMemoryBus
from gestalt_contracts.directory_memory import InMemoryDirectory
from gestalt_session.cluster import watchkeeper
from gestalt_session.cluster.outbox import Outbox
from gestalt_session.cluster.watchkeeper import TASK, Watchkeeper
from gestalt_session.workspace.watching import watcher as watcher_module
from gestalt_session.workspace.watching.head import shown
from gestalt_session.workspace.watching.stamps import Change
from gestalt_session.workspace.watching.watcher import Watch

pytestmark = pytest.mark.asyncio(loop_scope="module")
HASH = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("text", "branch"),
    [
        ("ref: refs/heads/main\n", "main"),
        ("ref: refs/heads/feature/é\n", "feature/é"),
        ("ref: refs/remotes/origin/x", "refs/remotes/origin/x"),
        (HASH + "\n", "detached@0123456789ab"),
        ("", ""),
        ("0123", ""),
    ],
)
async def test_what_head_says(text: str, branch: str) -> None:
    assert shown(text) == branch


# -- files


async def watched(world: World) -> None:
    """Wait until somebody watches: the first snapshot is there."""
    await eventually((world.data / "watch" / "snapshot").exists)


async def heard(viewer: Viewer, kind: str, path: Any) -> dict[str, Any]:
    """Wait for an event about a path."""
    found: list[dict[str, Any]] = await eventually(
        lambda: [word for word in viewer.told(kind) if word["path"] == str(path)]
    )
    return found[-1]


async def test_a_saved_file_is_told_with_these_keys_and_no_others(world: World) -> None:
    worker = await world.start()
    await watched(world)
    async with worker.listen("/ws/events") as viewer:
        (world.workspace / "é.txt").write_text("x")
        told = await heard(viewer, "file-change", world.workspace / "é.txt")
        assert set(told) == {"type", "path", "op", "timestamp", "id"}
        assert (told["op"], told["timestamp"][-1]) == ("CREATE", "Z")
        (world.workspace / ".gestalt" / "plans" / "a.org").write_text("* x")
        await heard(viewer, "file-change", world.workspace / ".gestalt" / "plans" / "a.org")


async def test_one_of_several_workers_watches_and_the_next_misses_nothing(world: World) -> None:
    one, other = await world.start(), await world.start()
    await watched(world)
    async with other.listen("/ws/events") as viewer:
        (world.workspace / "a").write_text("x")
        await heard(viewer, "file-change", world.workspace / "a")
        assert await is_watching(world, one)
        await one.stop()
        (world.workspace / "between").write_text("x")
        (world.workspace / "a").unlink()
        await heard(viewer, "file-change", world.workspace / "between")
        await eventually(lambda: [word["op"] for word in viewer.told("file-change")].count("REMOVE") == 1)
        (world.workspace / "after").write_text("x")
        await heard(viewer, "file-change", world.workspace / "after")


async def is_watching(world: World, worker: Running) -> bool:
    return await world.directory.hold(TASK, worker.service.membership.record.id, milliseconds=3_000)


async def test_while_redis_is_away_changes_wait_and_become_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchkeeper, "CERTAIN_SECONDS", 0.3)
    directory, outbox = InMemoryDirectory(), Outbox(InMemoryBus())
    keeper = Watchkeeper(Watch(tmp_path, tmp_path / "data"), directory, outbox, "me")
    keeping = asyncio.create_task(keeper.keep_forever())
    await eventually((tmp_path / "data" / "watch" / "snapshot").exists)
    directory.away = True
    await eventually(lambda: not keeper.may_tell())
    clock = asyncio.get_running_loop().time
    until = clock() + 0.5
    (tmp_path / "a").write_text("x")
    await eventually(lambda: clock() > until)
    (tmp_path / "a").write_text("y")
    assert outbox.waiting == 0
    directory.away = False
    await eventually(lambda: outbox.waiting)
    assert [(letter.event.type, letter.event.data["op"]) for letter in outbox._waiting] == [("file-change", "CREATE")]
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)


async def test_without_inotify_files_are_looked_at_in_turns_and_that_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted() -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(watcher_module, "Inotify", exhausted)
    worker = await world.start()
    async with worker.listen("/ws/events?after=0") as viewer:
        told = await viewer.hears("watch_error")
        assert set(told) == {"type", "path", "timestamp", "id"}
        assert told["path"] == ""
        (world.workspace / "a").write_text("x")
        await heard(viewer, "file-change", world.workspace / "a")


# -- branches


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """The workspace of `world`, as a repository with a commit."""
    folder = tmp_path / "work"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    git(folder, "commit", "-q", "--allow-empty", "-m", "one")
    return folder


async def test_every_checkout_is_told_with_the_branch_before(repository: Path, world: World) -> None:
    worker = await world.start()
    await watched(world)
    head = git(repository, "rev-parse", "HEAD")
    async with worker.listen("/ws/events") as viewer:
        previous = "main"
        for number, words in enumerate(
            [("-b", "feature/é"), ("main",), ("feature/é",), ("--detach",), ("main",)], start=1
        ):
            git(repository, "checkout", "-q", *words)
            told = await viewer.hears("git-branch", number)
            branch = git(repository, "branch", "--show-current") or f"detached@{head[:12]}"
            assert {key: told[key] for key in ("path", "branch", "previous")} == {
                "path": branch, "branch": branch, "previous": previous,
            }  # fmt: skip
            assert set(told) == {"type", "path", "branch", "previous", "timestamp", "id"}
            previous = branch


async def test_a_worktree_and_a_folder_below_follow_their_own_head(repository: Path, world: World) -> None:
    tree = world.folder / "tree"
    git(repository, "worktree", "add", "-q", "-b", "beside", str(tree))
    (tree / "sub").mkdir()
    worker = await world.start(workspace=tree / "sub")
    await watched(world)
    async with worker.listen("/ws/events") as viewer:
        git(repository, "checkout", "-q", "-b", "elsewhere")
        git(tree, "checkout", "-q", "-b", "mine")
        told = await viewer.hears("git-branch")
        assert (told["branch"], told["previous"]) == ("mine", "beside")
        assert (await worker.get("/api/status"))["git_branch"] == "mine"


async def test_a_repository_that_is_made_later_is_followed(world: World) -> None:
    worker = await world.start()
    await watched(world)
    async with worker.listen("/ws/events") as viewer:
        git(world.workspace, "init", "-q", "-b", "trunk")
        told = await viewer.hears("git-branch")
        assert (told["branch"], told["previous"]) == ("trunk", "")
        git(world.workspace, "checkout", "-q", "-b", "next")
        assert (await viewer.hears("git-branch", 2))["branch"] == "next"


async def test_a_checkout_of_thousands_of_files_never_hides_its_branch(repository: Path, world: World) -> None:
    for number in range(3_000):
        (repository / f"{number}").write_text("x")
    git(repository, "checkout", "-q", "-b", "many")
    git(repository, "add", "--all")
    git(repository, "commit", "-q", "-m", "many")
    git(repository, "checkout", "-q", "main")
    worker = await world.start()
    await watched(world)
    async with worker.listen("/ws/events") as viewer:
        git(repository, "checkout", "-q", "many")
        assert (await viewer.hears("git-branch"))["branch"] == "many"

        def all_told() -> bool:
            held_back = sum(word.get("suppressed", 0) for word in viewer.told("watch_error"))
            return len(viewer.told("file-change")) + held_back == 3_000

        await eventually(all_told)
        assert viewer.told("watch_error")[0]["path"] == ""


# -- the configuration


async def test_changes_of_the_configuration_are_passed_on(tmp_path: Path) -> None:
    found: list[Change] = []

    async def fails(_: Sequence[Change]) -> None:
        raise ValueError("a listener of the test")

    async def listens(changes: Sequence[Change]) -> None:
        found.extend(changes)

    keeper = Watchkeeper(Watch(tmp_path, tmp_path / "data"), InMemoryDirectory(), Outbox(InMemoryBus()), "me")
    keeper.listeners += [fails, listens]
    (tmp_path / ".gestalt" / "config" / "agents").mkdir(parents=True)
    keeping = asyncio.create_task(keeper.keep_forever())
    await eventually((tmp_path / "data" / "watch" / "snapshot").exists)
    (tmp_path / ".gestalt" / "config" / "agents" / "a.toml").write_text("x")
    (tmp_path / "other").write_text("x")
    await eventually(lambda: found)
    assert [change[:2] for change in found] == [(str(tmp_path / ".gestalt/config/agents/a.toml"), "CREATE")]
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)
