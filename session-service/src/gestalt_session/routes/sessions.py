"""The collection: list and create."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from gestalt_contracts.errors import InvalidRequest
from gestalt_serving import bodies
from gestalt_session.routes.causes import cause_of
from gestalt_session.routes.idempotent import Deed, once
from gestalt_session.routes.state import Resources, State, reply
from gestalt_session.terminal.folder import SERVER_RUNNER, TMUX_RUNNER, SessionFile
from gestalt_session.terminal.launch import Order, launch_of
from gestalt_session.terminal.session import Session

router = APIRouter()
CREATED = 201


@router.get("/api/sessions")
async def list_sessions(state: Resources) -> Response:
    """Every listed session, by creation."""
    return reply(await state["overview"].sessions())


@router.post("/api/sessions")
async def create_session(request: Request, state: Resources) -> Response:
    """Start a session."""
    body = await bodies.raw(request, state["settings"].body_limit)

    async def create(deed: Deed) -> Response:
        if deed.interrupted and (made := await _already_made(state, deed.uid)) is not None:
            return made
        order = _checked(bodies.parse(body, Order))
        maker = state["agent_sessions"] if order.agent else state["service"]
        session = await maker.create(order, uid=deed.uid, cause=cause_of(request))
        if session.file.runner == TMUX_RUNNER:
            await state["hub"].ensure()
        return reply(whole(state, session), CREATED)

    return await once(request, body, state, create)


def whole(state: State, session: Session) -> dict[str, object]:
    """What a 201 says: the summary and how it was launched."""
    return state["service"].summary(session) | {"launch": _launch(session.file)}


def _launch(file: SessionFile) -> dict[str, object]:
    return launch_of(file.id, file.argv, file.prompt_files, file.prompt_injection)


async def _already_made(state: State, uid: str) -> Response | None:
    """The answer for a session that was made before its maker died in mid-request; None when it was not."""
    record = await state["directory"].find(uid)
    if record is None or record.ended:
        return None
    kept = await state["archive"].on_disk(uid)
    return reply(dict(record.summary) | {"launch": _launch(kept.file)}, CREATED)


def _checked(order: Order) -> Order:
    """The refusals of contract §3 that need no look at the machine."""
    if order.agent and order.command is not None:
        raise InvalidRequest("agent and command exclude each other")
    if order.runner not in {None, SERVER_RUNNER, TMUX_RUNNER}:
        raise InvalidRequest(f"unknown runner {order.runner!r}")
    return order
