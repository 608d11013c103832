"""One session: look, change, end."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from msgspec import Struct
from starlette.requests import HTTPConnection

from gestalt_contracts.errors import InvalidRequest, Misdirected, NotFound
from gestalt_serving import bodies
from gestalt_session.archive import Kept
from gestalt_session.routes import parameters
from gestalt_session.routes.state import Held, Resources, nothing, reply
from gestalt_session.terminal.journal import Journal
from gestalt_session.terminal.lines import Page, page, plain
from gestalt_session.terminal.recording import recording

router = APIRouter(prefix="/api/sessions/{ref}")
ACCEPTED = 202
RAW, TEXT = "raw", "text"
CASTS = {"": 2, "v2": 2, "v3": 3}
"""`?format=` of a recording, and the asciicast version it names."""


async def _kept(ref: str, connection: HTTPConnection, state: Resources) -> Kept:
    return await state["archive"].find(ref, connection.headers.get("x-gestalt-uid"))


Readable = Annotated[Kept, Depends(_kept)]
"""The session of the path, ended ones included."""


async def _form(form: Annotated[str, Query(alias="format")] = "") -> str:
    if form not in {"", RAW, TEXT}:
        raise InvalidRequest(f"format must be {RAW} or {TEXT}, not {form!r}")
    return form


async def _cast(form: Annotated[str, Query(alias="format")] = "") -> int:
    if form not in CASTS:
        raise InvalidRequest(f"format must be v2 or v3, not {form!r}")
    return CASTS[form]


Form = Annotated[str, Depends(_form)]
"""How lines are wanted. It stands before the session: a bad query is refused before an unknown session is."""
Cast = Annotated[int, Depends(_cast)]
"""The wanted version of asciicast; likewise."""


class Patch(Struct, forbid_unknown_fields=True):
    """The body of PATCH."""

    title: str | None = None
    labels: dict[str, str] | None = None


@router.get("")
async def show(session: Held, state: Resources) -> Response:
    """One session, exact as of now."""
    return reply(state["service"].summary(session))


@router.patch("")
async def change(request: Request, ref: str, state: Resources) -> Response:
    """Change title and labels."""
    patch = bodies.parse(await bodies.raw(request, state["settings"].body_limit), Patch)
    session = state["service"].held(ref, request.headers.get("x-gestalt-uid"))
    await state["service"].relabel(session, patch.title, patch.labels)
    return reply(state["service"].summary(session))


@router.delete("")
async def delete(ref: str, request: Request, state: Resources) -> Response:
    """End it; 202 when its worker is away and will do so when it returns."""
    try:
        session = state["service"].held(ref, request.headers.get("x-gestalt-uid"))
    except (NotFound, Misdirected):
        return await _delete_away(request.headers.get("x-gestalt-uid") or ref, state)
    await asyncio.shield(state["service"].delete(session))
    return nothing()


async def _delete_away(ref: str, state: Resources) -> Response:
    record = await state["directory"].find(ref)
    if record is None or record.ended:
        raise NotFound("terminal not found")
    if record.status not in {"unreachable", "lost"} and not record.end_requested:
        raise Misdirected(f"session {record.uid} is not held by this worker")
    await state["directory"].request_end(record.uid)
    return reply(state["overview"].shown(record) | {"status": "closing"}, ACCEPTED)


@router.get("/output")
async def output(form: Form, session: Held, state: Resources) -> Response:
    """The last lines."""
    settings = state["settings"]
    found = await asyncio.to_thread(
        _page, session.folder.journal, None, settings.session_buffer_lines, settings.history_page_bytes
    )
    return reply({"id": session.id, "lines": _lines(found, form), "cursor": found.end})


@router.get("/history")
async def history(form: Form, request: Request, ref: str, state: Resources) -> Response:
    """A page of lines, going back in time."""
    query, settings = parameters.query_of(request), state["settings"]
    count = parameters.whole_number(query.get("lines"), settings.session_scrollback_lines, "invalid lines", least=1)
    before = parameters.whole_number(query.get("before_cursor"), None, "invalid before_cursor", least=0)
    kept = await state["archive"].find(ref, request.headers.get("x-gestalt-uid"))
    journal = kept.folder.journal
    found, base = await asyncio.to_thread(_page_and_base, journal, before, count or 1, settings.history_page_bytes)
    return reply(
        {
            "id": kept.file.id,
            "lines": _lines(found, form),
            "cursor": found.end if before is None else found.start,
            "next_before": found.start if found.start > base else None,
        }
    )


def _page(folder: Any, before: int | None, count: int, most: int) -> Page:
    return _page_and_base(folder, before, count, most)[0]


def _page_and_base(folder: Any, before: int | None, count: int, most: int) -> tuple[Page, int]:
    journal = Journal(folder)
    try:
        return page(journal, before, count, most), journal.base
    finally:
        journal.release()


def _lines(found: Page, form: str) -> list[str]:
    return [plain(line) for line in found.lines] if form == TEXT else found.lines


@router.get("/recording")
async def export(version: Cast, kept: Readable) -> Response:
    """The retained journal as an asciicast."""
    return StreamingResponse(recording(kept.folder, kept.file, version), media_type="application/x-asciicast")
