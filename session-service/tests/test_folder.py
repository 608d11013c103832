"""What lies on disk for a session, read back after a crash at any moment."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from gestalt_session.terminal.folder import ExitFile, SessionFile, SessionFolder, known_sessions, may_live, summary_base
from gestalt_session.terminal.recording import sizes_of


def file_of(uid: str = "u", created_at: float = 1.0) -> SessionFile:
    return SessionFile(
        uid=uid, id="Shell 1", number=1, host="h", title="Shell", role="", command="sh", argv=["sh"], cwd="/",
        cols=80, rows=24, created_at=created_at,
    )  # fmt: skip


def made(path: Path, file: SessionFile) -> SessionFolder:
    folder = SessionFolder(path)
    folder.make()
    folder.save(file)
    return folder


def test_a_folder_without_a_file_cannot_be_loaded(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"session\.json"):
        SessionFolder(tmp_path).load()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"uid":1}'])
def test_a_file_that_says_nothing_cannot_be_loaded(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "session.json").write_bytes(content)
    with pytest.raises(msgspec.MsgspecError):
        SessionFolder(tmp_path).load()


def test_a_session_is_made_once(tmp_path: Path) -> None:
    folder = made(tmp_path / "u", file_of())
    with pytest.raises(FileExistsError):
        folder.make()
    assert folder.load() == file_of()


def test_keys_of_a_later_version_are_passed_over(tmp_path: Path) -> None:
    whole = msgspec.to_builtins(file_of()) | {"from_the_future": True}
    (tmp_path / "session.json").write_bytes(msgspec.json.encode(whole))
    assert SessionFolder(tmp_path).load() == file_of()


def test_nobody_knows_an_end_that_cannot_be_read(tmp_path: Path) -> None:
    folder = SessionFolder(tmp_path)
    assert (folder.load_exit(), folder.has_ended) == (None, False)
    (tmp_path / "exit.json").write_bytes(b'{"exit')
    assert (folder.load_exit(), folder.has_ended) == (None, True)
    ended = ExitFile(exit_code=-9, ended_at=2.0, offset=10, reason="killed")
    folder.save_exit(ended)
    assert folder.load_exit() == ended


def test_sessions_of_a_slot_are_known_oldest_first_without_what_a_crash_left(tmp_path: Path) -> None:
    assert known_sessions(tmp_path / "none") == []
    for uid, created_at in (("b", 2.0), ("c", 3.0), ("a", 1.0)):
        made(tmp_path / uid, file_of(uid, created_at))
    (tmp_path / "half made").mkdir()
    (tmp_path / "a file").touch()
    assert [file.uid for _, file in known_sessions(tmp_path)] == ["a", "b", "c"]


def test_who_has_ended_or_was_deleted_does_not_live(tmp_path: Path) -> None:
    sessions = tmp_path / "0" / "sessions"
    made(sessions / "alive", file_of("alive"))
    made(sessions / "ended", file_of("ended")).save_exit(ExitFile(exit_code=0, ended_at=1.0, offset=0))
    deleted = file_of("deleted")
    deleted.deleted_at = 5.0
    made(sessions / "deleted", deleted)
    assert may_live(tmp_path) == {"alive"}


def test_a_size_cut_by_a_crash_swallows_no_later_one(tmp_path: Path) -> None:
    folder, file = made(tmp_path / "u", file_of()), file_of()
    assert [(mark.cols, mark.rows) for mark in sizes_of(folder, file)] == [(80, 24)], "none noted: what it has now"
    folder.note_size(file, 0)
    with folder.sizes.open("ab") as sizes:
        sizes.write(b'{"at":1,"off')
    file.cols = 100
    folder.note_size(file, 7)
    assert [(mark.offset, mark.cols) for mark in sizes_of(folder, file)] == [(0, 80), (7, 100)]


def test_a_summary_never_shows_the_arguments_of_the_program() -> None:
    assert {"argv", "number", "host"}.isdisjoint(summary_base(file_of()))
