from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gestalt_cli.errors import CommandFailed
from gestalt_cli.stack import workspace
from gestalt_cli.stack.lock import Lock


def soon(seconds: float = 0.1) -> float:
    return asyncio.get_running_loop().time() + seconds


async def test_a_second_up_is_refused_with_the_path_and_who_has_it(tmp_path: Path) -> None:
    workspace.prepare(tmp_path)
    async with workspace.locked(Path("/my/workspace"), tmp_path, soon()) as lock:
        lock.note("pid 7, http://127.0.0.1:57417")
        with pytest.raises(CommandFailed, match=r"/my/workspace is in use .*\(pid 7, http://127.0.0.1:57417\)$"):
            async with workspace.locked(Path("/my/workspace"), tmp_path, soon()):
                pass


async def test_an_up_waits_for_one_that_is_ending(tmp_path: Path) -> None:
    workspace.prepare(tmp_path)
    earlier = Lock(tmp_path / "up.lock")
    assert earlier.take()
    asyncio.get_running_loop().call_later(0.1, earlier.__exit__)
    async with workspace.locked(tmp_path, tmp_path, soon(5)):
        pass


async def test_a_note_is_replaced_whole(tmp_path: Path) -> None:
    with Lock(tmp_path / "lock") as lock:
        lock.note("a long note")
        lock.note("short")
        assert lock.read_note() == "short"


def test_a_data_directory_that_cannot_be_made_is_one_line_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CommandFailed, match=f"cannot use {tmp_path}/file/data: Not a directory"):
        workspace.prepare(tmp_path / "file" / "data")


def test_what_is_private_is_closed_to_others_also_when_it_was_open(tmp_path: Path) -> None:
    (tmp_path / "slots").mkdir(mode=0o755)
    workspace.prepare(tmp_path)
    workspace.prepare(tmp_path)
    assert {name: (tmp_path / name).stat().st_mode & 0o777 for name in workspace.PRIVATE} == {
        "redis": 0o700,
        "logs": 0o700,
        "slots": 0o700,
        "watch": 0o700,
    }


def test_the_users_own_ignore_file_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("mine\n")
    workspace.prepare(tmp_path)
    assert (tmp_path / ".gitignore").read_text() == "mine\n"


def test_a_workspace_keeps_its_id_and_no_other_has_it(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    first = workspace.identity(tmp_path)
    assert workspace.identity(tmp_path) == first
    assert workspace.identity(tmp_path / "other") != first
