"""What goes into a session: input, sizes, signals, bells, and what people typed before."""

from __future__ import annotations

import asyncio
import re
import signal
from datetime import UTC, datetime

from fastapi import APIRouter, Request, Response
from msgspec import UNSET, Struct, UnsetType

from gestalt_contracts import events
from gestalt_contracts.errors import Conflict, InvalidRequest, NotFound, TimedOut, Unavailable, Unprocessable
from gestalt_serving import bodies
from gestalt_session.cluster import announcements
from gestalt_session.routes import parameters
from gestalt_session.routes.causes import cause_of, typed_for
from gestalt_session.routes.idempotent import Deed, once, refuse_given_up
from gestalt_session.routes.state import Held, Resources, State, nothing, reply
from gestalt_session.terminal.clock import moment
from gestalt_session.terminal.device import CANONICAL_LINE
from gestalt_session.terminal.folder import TMUX_RUNNER
from gestalt_session.terminal.input_history import Command, InputHistory
from gestalt_session.terminal.keyboard import KeyboardClosed, KeyboardFull, NotReading
from gestalt_session.terminal.launch import check_size
from gestalt_session.terminal.pasting import PASTE_BEGIN, PASTE_END, longest_line, without_end
from gestalt_session.terminal.session import Session

router = APIRouter(prefix="/api/sessions/{ref}")
INPUT_SECONDS = 10.0  # how long a program has to take what is typed (contract §3)
DEFAULT_LIMIT = 100
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")


class Size(Struct, forbid_unknown_fields=True):
    """The body of resize."""

    cols: int
    rows: int


class Signal(Struct, forbid_unknown_fields=True):
    """The body of signal."""

    signal: str


class Said(Struct, forbid_unknown_fields=True):
    """The body of POST input-history."""

    command: str | UnsetType = UNSET


@router.post("/input")
async def type_input(request: Request, ref: str, state: Resources, paste: str = "", enter: str = "") -> Response:
    """Type raw bytes; answers after the terminal took them."""
    bodies.refuse_announced(request, state["settings"].input_limit)
    session = await _held_or_refused(request, ref, state)
    body = await bodies.raw(request, state["settings"].input_limit)
    if not body:
        raise InvalidRequest(bodies.INVALID)

    async def act(deed: Deed) -> Response:
        if deed.interrupted:
            raise Conflict("nobody knows how much of this input was typed", code="outcome_unknown")
        await typed_for(session, cause_of(request))
        return await _type(session, body, paste=paste == "1", enter=enter == "1")

    return await once(request, body, state, act)


async def _held_or_refused(request: Request, ref: str, state: State) -> Session:
    """The session. Where there is none, a body that is too large is refused first all the same (contract §2)."""
    try:
        return state["service"].held(ref, request.headers.get("x-gestalt-uid"))
    except NotFound:
        await bodies.raw(request, state["settings"].input_limit)
        raise


async def _type(session: Session, body: bytes, *, paste: bool, enter: bool) -> Response:
    keyboard, device = session.keyboard, session.device
    if keyboard is None or device is None or not session.live:
        raise Conflict("session is closed")
    before = PASTE_BEGIN if paste and session.wants_paste else b""
    if before:
        body = without_end(body)
    after = (PASTE_END if before else b"") + (b"\r" if enter else b"")
    _refuse_long_lines(body + after, canonical=device.is_canonical())
    try:
        await keyboard.type(before + body + after, seconds=INPUT_SECONDS)
    except NotReading as error:
        taken = min(max(0, error.taken - len(before)), len(body))
        raise TimedOut("the program does not read its input", bytes=taken) from None
    except KeyboardClosed:
        raise Conflict("session is closed") from None
    except KeyboardFull:
        raise Unavailable("too much input is waiting for this session") from None
    session.note_input()
    return reply({"bytes": len(body)})


class LineTooLong(Unprocessable):
    """The terminal gathers lines, and would silently drop the end of this one."""


def _refuse_long_lines(body: bytes, *, canonical: bool) -> None:
    longest = longest_line(body) if canonical and len(body) > CANONICAL_LINE else 0
    if longest > CANONICAL_LINE:
        raise LineTooLong(
            f"a line of {longest} bytes is longer than the {CANONICAL_LINE} that the terminal keeps",
            code="line_too_long",
        )


@router.post("/resize")
async def resize(request: Request, ref: str, state: Resources) -> Response:
    """Set the terminal's size."""
    size = bodies.parse(await bodies.raw(request, state["settings"].body_limit), Size)
    check_size(size.cols, size.rows)
    _live(state, ref, request).resize(size.cols, size.rows)
    return nothing()


@router.post("/signal")
async def send_signal(request: Request, ref: str, state: Resources) -> Response:
    """Send a signal."""
    wanted = bodies.parse(await bodies.raw(request, state["settings"].body_limit), Signal)
    number = signal_of(wanted.signal)
    session = _live(state, ref, request)
    if session.device is not None:
        await asyncio.to_thread(session.device.send_signal, number)
    return nothing()


def signal_of(name: str) -> signal.Signals:
    """The signal of a name, `SIG` prefix or not. Raises InvalidRequest."""
    try:
        return signal.Signals[name if name.startswith("SIG") else f"SIG{name}"]
    except KeyError:
        raise InvalidRequest(f"unknown signal {name!r}") from None


def _live(state: State, ref: str, request: Request) -> Session:
    session = state["service"].held(ref, request.headers.get("x-gestalt-uid"))
    refuse_given_up(request, state)
    if not session.live:
        raise Conflict("session is closed")
    return session


@router.post("/bell")
async def ring(session: Held, state: Resources) -> Response:
    """Publish a bell."""
    state["service"].outbox.put(announcements.about(session, events.TERMINAL_BELL))
    return nothing()


@router.post("/activate")
async def activate(session: Held, state: Resources) -> Response:
    """Bring its tmux window to the front of whoever is attached."""
    if session.file.runner != TMUX_RUNNER:
        raise Conflict("session is not tmux-managed")
    await state["service"].show(session)
    return nothing()


@router.get("/input-history")
async def input_history(request: Request, ref: str, state: Resources) -> Response:
    """What people sent, oldest first."""
    query = parameters.query_of(request)
    limit = parameters.whole_number(query.get("limit"), DEFAULT_LIMIT, "invalid limit", least=1)
    since = _since(query.get("since"))
    session = state["service"].held(ref, request.headers.get("x-gestalt-uid"))
    history = await asyncio.to_thread(InputHistory, session.folder.input_history)
    return reply(
        [
            {"command": command.command, "timestamp": moment(command.timestamp.timestamp())}
            for command in history.last(limit or DEFAULT_LIMIT, since)
        ]
    )


def _since(text: str | None) -> datetime | None:
    if text is None or not text.strip():
        return None
    if not _RFC3339.fullmatch(text):
        raise InvalidRequest("invalid since timestamp")
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise InvalidRequest("invalid since timestamp") from None


@router.post("/input-history")
async def record_input(request: Request, ref: str, state: Resources) -> Response:
    """Keep a command."""
    said = bodies.parse(await bodies.raw(request, state["settings"].body_limit), Said)
    command = "" if said.command is UNSET else said.command.strip()
    if not command:
        raise InvalidRequest("missing command")
    session = state["service"].held(ref, request.headers.get("x-gestalt-uid"))
    entry = Command(command, datetime.now(UTC))
    await asyncio.to_thread(lambda: InputHistory(session.folder.input_history).add(entry))
    return nothing()
