"""The events of a session, as the bus carries them (reference, telemetry §11)."""

from __future__ import annotations

from typing import Any

from gestalt_contracts import events
from gestalt_contracts.events import Event
from gestalt_session.terminal.session import Session


def about(session: Session, kind: str, **data: Any) -> Event:
    """A terminal event of `session`, as of now."""
    return Event(
        type=kind,
        topic="terminal",
        occurred_at=events.now(),
        session_id=session.id,
        session_uid=session.uid,
        agent_id=session.file.agent_id,
        data=data,
    )


def created(session: Session) -> Event:
    """Its program runs."""
    return about(session, events.TERMINAL_CREATED)


def closed(session: Session) -> Event:
    """Its program has ended."""
    reason = {} if session.close_reason is None else {"reason": session.close_reason}
    return about(session, events.TERMINAL_CLOSED, exit_code=session.exit_code, **reason)


def resized(session: Session) -> Event:
    """Its terminal has another size."""
    return about(session, events.TERMINAL_RESIZED, cols=session.file.cols, rows=session.file.rows)
