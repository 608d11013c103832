"""What a flow that acts here was led to it by: the gateway passes it on for flow-service alone."""

from __future__ import annotations

import asyncio

import msgspec
import structlog
from fastapi import Request

from gestalt_contracts.events import Cause
from gestalt_session.terminal.session import Session

HEADER = "x-gestalt-cause"

log = structlog.get_logger()


def cause_of(request: Request) -> Cause | None:
    """The cause of a request; None when no flow sent it."""
    given = request.headers.get(HEADER)
    if given is None:
        return None
    try:
        return msgspec.json.decode(given, type=Cause)
    except msgspec.MsgspecError:
        log.warning("a cause that cannot be read", given=given[:200])
        return None


async def typed_for(session: Session, cause: Cause | None) -> None:
    """Note for whom was typed last: what the session's events are led to by, until somebody else types.

    What a flow has to say to an agent begins a turn.
    """
    is_news = session.file.cause != cause
    session.file.cause = cause
    if cause is not None and session.file.agent_id is not None:
        is_news = session.occupation.prompted() or is_news
    if is_news:
        await asyncio.to_thread(session.folder.save, session.file)
