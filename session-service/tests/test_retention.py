"""What deleted sessions wrote goes when its time is over, and nothing else does."""

from __future__ import annotations

from pathlib import Path

from gestalt_session.terminal.folder import SessionFile, SessionFolder
from gestalt_session.terminal.retention import remove_expired


def made(sessions: Path, uid: str, deleted_at: float | None) -> None:
    folder = SessionFolder(sessions / uid)
    folder.make()
    folder.save(
        SessionFile(
            uid=uid,
            id=uid,
            number=1,
            host="h",
            title="",
            role="",
            command="",
            argv=[],
            cwd="/",
            cols=1,
            rows=1,
            created_at=0.0,
            deleted_at=deleted_at,
        )
    )


def test_only_what_was_deleted_before_is_removed(tmp_path: Path) -> None:
    for uid, deleted_at in (("listed", None), ("recent", 100.0), ("old", 50.0)):
        made(tmp_path, uid, deleted_at)
    (tmp_path / "just made").mkdir()
    assert remove_expired(tmp_path, 75.0) == ["old"]
    assert {path.name for path in tmp_path.iterdir()} == {"listed", "recent", "just made"}
