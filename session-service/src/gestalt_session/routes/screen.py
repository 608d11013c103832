"""What a terminal shows."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response

from gestalt_contracts.errors import InvalidRequest, Unavailable
from gestalt_session.routes.state import Held, Resources, reply
from gestalt_session.screen.process import ScreenUnavailable
from gestalt_session.screen.wire import Shown
from gestalt_session.snapshots import LARGEST_SNAPSHOT
from gestalt_session.terminal.session import Session
from gestalt_session.terminal.signs import directory_of, title_of

router = APIRouter(prefix="/api/sessions/{ref}")
ANSI = "ansi"


def _form(form: Annotated[str, Query(alias="format")] = "") -> str:
    if form not in {"", ANSI}:
        raise InvalidRequest(f"format must be {ANSI}, not {form!r}")
    return form


Form = Annotated[str, Depends(_form)]
"""How the screen is wanted. It stands before the session: a bad query is refused before an unknown session is."""


@router.get("/screen")
async def screen(form: Form, session: Held, state: Resources) -> Response:
    """Text and state, or bytes that draw it again."""
    limit = LARGEST_SNAPSHOT if form == ANSI else 0
    try:
        shown = await state["service"].screens.show(session.uid, session.journal.end, limit=limit, lines=not limit)
    except ScreenUnavailable as error:
        raise Unavailable(f"the screen cannot be told: {error}") from error
    if limit:
        return Response(shown.redraw, media_type="application/octet-stream")
    return reply(_public(session, shown))


def _public(session: Session, shown: Shown) -> dict[str, Any]:
    return {
        "id": session.id,
        "cursor": shown.cursor,
        "cols": shown.cols,
        "rows": shown.rows,
        "row": shown.row,
        "col": shown.col,
        "title": title_of(shown.title.encode()),
        "cwd": directory_of(shown.location.encode()) or session.file.cwd,
        "modes": shown.modes,
        "lines": shown.lines,
    }
