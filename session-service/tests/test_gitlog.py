"""Commits as git tells them, names as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from gestalt_session.workspace import gitlog
from gestalt_session.workspace.git import run

SHA = "0123456789abcdef0123456789abcdef01234567"
TIME = "2026-01-02T03:04:05+09:00"


def record(subject: str, stats: str = "") -> bytes:
    return f"\x1e{SHA}\0{TIME}\0{subject}\0{stats}".encode()


def files_of(stats: str) -> list[gitlog.FileChange]:
    (commit,) = gitlog.parse(record("s", stats))
    return list(commit["files"])


@pytest.mark.parametrize("raw", [b"", b"\n", b"\0"])
def test_nothing_is_no_commit(raw: bytes) -> None:
    assert gitlog.parse(raw) == []


def test_a_commit_without_files_has_zeros() -> None:
    (commit,) = gitlog.parse(record("  a subject  "))
    assert commit == {
        "sha": SHA, "short_sha": SHA[:12], "committed_at": TIME, "subject": "a subject",
        "stats": {"files_changed": 0, "lines_added": 0, "lines_deleted": 0, "has_binary": False},
        "files": [], "files_truncated": False,
    }  # fmt: skip


def test_a_rename_has_its_old_path_and_a_binary_file_no_counts() -> None:
    renamed, binary = files_of("\n1\t2\t\0old\0new\0-\t-\timage.png\0")
    assert renamed == gitlog.FileChange("new", 1, 2, binary=False, old_path="old")
    assert binary == gitlog.FileChange("image.png", None, None, binary=True)


@pytest.mark.parametrize("name", ["with space", 'a "quote"', "tab\there", "line\nbreak", "é😀", "\x1emark", "a\x1eb"])
def test_a_name_stands_as_it_is(name: str) -> None:
    assert [file.path for file in files_of(f"\n1\t0\t{name}\0")] == [name]


def test_fifty_files_are_listed_and_all_are_counted() -> None:
    (commit,) = gitlog.parse(record("s", "\n" + "".join(f"2\t1\tfile {number}\0" for number in range(51))))
    assert (len(commit["files"]), commit["files_truncated"]) == (50, True)
    assert commit["stats"] == {"files_changed": 51, "lines_added": 102, "lines_deleted": 51, "has_binary": False}


async def test_outside_a_repository_there_are_no_commits(tmp_path: Path) -> None:
    assert await gitlog.recent(tmp_path, 5) == {"branch": "", "commits": []}


async def test_a_real_history_is_read_whole(tmp_path: Path) -> None:
    identity = ("-c", "user.name=n", "-c", "user.email=e@e", "-c", "commit.gpgsign=false")
    await run(tmp_path, "init", "-q", "-b", "main")
    assert await gitlog.recent(tmp_path, 5) == {"branch": "", "commits": []}, "none yet"
    (tmp_path / "first").write_text("a\nb\nc\nd\n")
    await run(tmp_path, "add", ".")
    await run(tmp_path, *identity, "commit", "-qm", "first")
    (tmp_path / "first").rename(tmp_path / "sec\x1eond")
    (tmp_path / "image").write_bytes(b"\0\1")
    await run(tmp_path, "add", "-A")
    await run(tmp_path, *identity, "commit", "-qm", "mark \x1e and all")
    await run(tmp_path, *identity, "commit", "-q", "--allow-empty", "-m", "empty")
    answer = await gitlog.recent(tmp_path, 5)
    assert answer["branch"] == "main"
    assert [commit["subject"] for commit in answer["commits"]] == ["empty", "mark \x1e and all", "first"]
    image, renamed = answer["commits"][1]["files"]
    assert (renamed.path, renamed.old_path, image.path) == ("sec\x1eond", "first", "image")
    assert len((await gitlog.recent(tmp_path, 1))["commits"]) == 1
