"""What is told of a session to everybody: the public object of contract §3."""

from __future__ import annotations

from typing import Any

from gestalt_session.terminal.clock import moment
from gestalt_session.terminal.folder import summary_base
from gestalt_session.terminal.session import Session


def summary(session: Session, worker_id: str) -> dict[str, Any]:
    """Of a session that this worker holds."""
    said_by_program = session.signboard.summary(session.file.cwd)
    now = {
        "created_at": moment(session.file.created_at),
        "status": session.status.value,
        "worker": worker_id,
        "pid": session.device.pid if session.device else None,
        "exit_code": session.exit_code,
        "close_reason": session.close_reason,
        "viewers": len(session.audience.viewers),
        "output_bytes": session.journal.end,
        "last_output_at": moment(session.last_output_at),
        "last_input_at": moment(session.last_input_at),
        "journal_holes": session.holes,
        "last_line": session.last_line(),
        "occupied": session.occupation.now,
    }
    return summary_base(session.file) | said_by_program | now
