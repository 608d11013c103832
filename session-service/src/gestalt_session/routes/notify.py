"""Hooks of agents, refused in the reference's order, and what they last said of their plan."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request, Response

from gestalt_contracts import events
from gestalt_contracts.errors import NotFound
from gestalt_serving import bodies
from gestalt_session.notices.notice import Body, notice_of
from gestalt_session.notices.progress import NONE
from gestalt_session.routes.causes import cause_of
from gestalt_session.routes.idempotent import Deed, once
from gestalt_session.routes.state import Held, Resources, State, nothing, reply
from gestalt_session.terminal.session import Session

router = APIRouter(prefix="/api/sessions/{ref}")


@router.post("/notify")
async def notify(request: Request, ref: str, state: Resources) -> Response:
    """Take a hook's word; answers when it is durably queued, not when anybody has acted on it."""
    body = await bodies.raw(request, state["settings"].body_limit)
    notice = notice_of(bodies.parse(body, Body), ref, events.now(), cause_of(request))
    session = _session(request, ref, state)
    state["notifier"].check(session, notice)
    repeatable = bool(request.headers.get("idempotency-key", "").strip())

    async def act(deed: Deed) -> Response:
        await state["notifier"].take(session, notice, retry=deed.uid if repeatable else "")
        return nothing()

    return await once(request, body, state, act)


def _session(request: Request, ref: str, state: State) -> Session:
    try:
        return state["service"].held(ref, request.headers.get("x-gestalt-uid"))
    except NotFound:
        raise NotFound("session not found") from None


@router.get("/progress")
async def progress(session: Held) -> Response:
    """How far the agent is with its plan, by its own word."""
    told = await asyncio.to_thread(session.folder.load_progress)
    return reply(told.shown() if told is not None else NONE)
