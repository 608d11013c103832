"""Hooks of agents, refused by plain sessions in the reference's order of validation."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from msgspec import UNSET, Struct, UnsetType

from gestalt_contracts.errors import InvalidRequest, NotFound, Unprocessable
from gestalt_session.routes import bodies
from gestalt_session.routes.state import Resources

router = APIRouter()


class Notice(Struct, forbid_unknown_fields=True):
    """The body of notify (reference, sessions §4.12)."""

    session_id: str = ""
    payload: Any | UnsetType = UNSET
    occurred_at: datetime | None = None
    raw: str | None = None
    event_id: str | None = None


@router.post("/api/sessions/{ref}/notify")
async def notify(request: Request, ref: str, state: Resources) -> Response:
    """Take a hook's word."""
    notice = bodies.parse(await bodies.raw(request, state["settings"].body_limit), Notice)
    check_payload(notice)
    if notice.session_id.strip() != ref:
        raise InvalidRequest("session id mismatch")
    try:
        session = state["service"].held(ref, request.headers.get("x-gestalt-uid"))
    except NotFound:
        raise NotFound("session not found") from None
    del session
    raise InvalidRequest("terminal is not an agent session")


def check_payload(notice: Notice) -> None:
    """The refusals that need no session, in the reference's order."""
    if not notice.session_id.strip():
        raise InvalidRequest("missing session id")
    if notice.payload is UNSET:
        raise Unprocessable("missing payload")
    if not isinstance(notice.payload, dict):
        raise Unprocessable("payload must be a JSON object")
    kind = notice.payload.get("type")
    if not isinstance(kind, str) or not kind.strip():
        raise Unprocessable("missing payload type")
