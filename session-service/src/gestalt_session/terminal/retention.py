"""Removing what deleted sessions wrote, when their retention time is over. Blocking: run in a thread."""

from __future__ import annotations

import shutil
from pathlib import Path

from gestalt_session.terminal.folder import known_sessions


def remove_expired(sessions: Path, before: float) -> list[str]:
    """Remove the folders of sessions deleted before that moment; their uids."""
    expired = [
        (folder, file.uid)
        for folder, file in known_sessions(sessions)
        if file.deleted_at is not None and file.deleted_at < before
    ]
    for folder, _ in expired:
        shutil.rmtree(folder.path)
    return [uid for _, uid in expired]
