"""The events of a session, as the bus carries them (reference, telemetry §11)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from gestalt_contracts import events
from gestalt_contracts.events import Event
from gestalt_session.notices.progress import Progress
from gestalt_session.terminal.session import Session
from gestalt_session.terminal.signboard import Subject


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
        cause=session.file.cause,
    )


def created(session: Session) -> Event:
    """Its program runs."""
    return about(session, events.TERMINAL_CREATED)


def closed(session: Session) -> Event:
    """Its program has ended."""
    reason = {} if session.close_reason is None else {"reason": session.close_reason}
    return about(session, events.TERMINAL_CLOSED, exit_code=session.exit_code, **reason)


def plan_update(session: Session, progress: Progress, occurred_at: datetime) -> Event:
    """Its agent says how far it is with its plan."""
    data = msgspec.structs.asdict(progress)
    data["timestamp"] = data.pop("updated_at")
    return msgspec.structs.replace(about(session, events.PLAN_UPDATE, **data), occurred_at=occurred_at)


def agent(session: Session, kind: str, **context: Any) -> Event:
    """Of the agent in `session`. `context`: what more is to be said."""
    more = {"context": context} if context else {}
    data = {"agent_name": session.file.agent_name, **more}
    return msgspec.structs.replace(about(session, kind, **data), topic="agent")


def agent_error(session: Session, error: str) -> Event:
    """Something went wrong with the agent in `session`."""
    return agent(session, events.AGENT_ERROR, error=error)


def agent_failed(agent_id: str, agent_name: str, error: str) -> Event:
    """An agent could not be started."""
    data = {"agent_name": agent_name, "context": {"error": error}}
    return Event(type=events.AGENT_ERROR, topic="agent", occurred_at=events.now(), agent_id=agent_id, data=data)


def resized(session: Session) -> Event:
    """Its terminal has another size."""
    return about(session, events.TERMINAL_RESIZED, cols=session.file.cols, rows=session.file.rows)


def signed(session: Session, subject: Subject) -> Event:
    """Its program calls itself otherwise, or is elsewhere, or its shell has come to another mark."""
    said = session.signboard.summary(session.file.cwd)
    if subject is Subject.PROMPT:
        return about(session, events.TERMINAL_PROMPT, **(said["prompt"] or {}))
    if subject is Subject.DIRECTORY:
        return about(session, events.TERMINAL_CWD, cwd=said["cwd"])
    return about(session, events.TERMINAL_TITLE, terminal_title=said["terminal_title"])
