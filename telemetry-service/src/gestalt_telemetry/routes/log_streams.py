"""Log streams: a place in the order of arrival, first what was there, then what comes (contract §4)."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response, WebSocket
from msgspec import Struct

from gestalt_contracts.errors import InvalidRequest, Unavailable, error_body
from gestalt_contracts.following import interleave
from gestalt_telemetry.live import Dropped, Filter, replayed
from gestalt_telemetry.routes.frames import PING, PING_SECONDS, RETRY, TRY_AGAIN, converse, event, resumed_after, sse
from gestalt_telemetry.routes.parameters import Parameters
from gestalt_telemetry.routes.state import Resources, State
from gestalt_telemetry.severity import level_named
from gestalt_telemetry.store.port import Line

router = APIRouter()
REPLAYED_MS = 3_600_000
MOST_DIGITS = 18
PROTOCOL_ERROR = 1002


class Start(Struct, frozen=True):
    """Where a stream begins: after `place`; up to `replay_until` records are marked as replayed."""

    place: int
    replay_until: int = 0
    reset: dict[str, Any] | None = None


async def begin(state: State, after: str | None) -> Start:
    """Where a client that was at `after` goes on. Raises Unavailable when there is no store yet."""
    store = state["store"]
    if store.writer.state is None:
        raise Unavailable("log stream unavailable", headers={"Retry-After": "1"})
    last = store.last_log
    if after is None:
        since = int(time.time() * 1_000) - REPLAYED_MS
        return Start(await store.last_before(since), last)
    return _resumed(await store.oldest_log(), after, last)


def _resumed(kept: int | None, after: str, last: int) -> Start:
    """An id that is no longer covered is told, and everything kept follows. `kept`: the oldest id there is."""
    oldest = last + 1 if kept is None else kept
    known = after.isascii() and after.isdigit() and len(after) <= MOST_DIGITS
    reason = None
    if not known:
        reason = "malformed"
    elif int(after) > last:
        reason = "lost"
    elif int(after) < oldest - 1:
        reason = "trimmed"
    if reason is None:
        return Start(int(after))
    return Start(oldest - 1, 0, _reset(reason, kept))


def _reset(reason: str, oldest: int | None) -> dict[str, Any]:
    return {"type": "reset", "reason": reason, "oldest": None if oldest is None else str(oldest)}


async def _lines(state: State, start: Start) -> AsyncIterator[list[Line] | Dropped | None]:
    """Pages of records, None when nothing came for a while; ends when the service stops."""
    with state["feed"].listening():
        pages = state["feed"].lines(start.place)
        async for page in interleave(pages, state["stopping"], pulse=PING_SECONDS):
            yield page


def _json(line: Line, start: Start) -> bytes:
    return replayed(line) if line.id <= start.replay_until else line.json


@router.get("/api/logs/stream")
async def log_stream(request: Request, state: Resources) -> Response:
    """Log records as they come, after those of the last hour."""
    asked = Parameters(request)
    wanted = Filter(asked.level(), asked.text("session_id"), asked.query())
    start = await begin(state, resumed_after(request))
    return sse(_events(state, start, wanted))


async def _events(state: State, start: Start, wanted: Filter) -> AsyncIterator[bytes]:
    yield RETRY
    if start.reset is not None:
        yield event(msgspec.json.encode(start.reset))
    async with aclosing(_lines(state, start)) as pages:  # type: ignore[type-var]
        async for page in pages:
            if page is None:
                yield PING
                continue
            if isinstance(page, Dropped):
                yield event(msgspec.json.encode(_reset("trimmed", page.oldest)))
                continue
            chosen = [line for line in page if wanted.wants(line)]
            if chosen:
                yield b"".join(event(_json(line, start), str(line.id)) for line in chosen)


@router.websocket("/ws/logs")
async def log_socket(socket: WebSocket, state: Resources) -> None:
    """As the SSE stream; `{"level", "session_id", "query"}` from the client changes what is sent from then on."""
    try:
        asked = Parameters(socket)
        wanted = Filter(asked.level(), asked.text("session_id"), asked.query())
        start = await begin(state, resumed_after(socket))
    except InvalidRequest as error:
        await _refuse(socket, error)
        return
    except Unavailable as error:
        await socket.accept()
        await socket.close(TRY_AGAIN, error.message)
        return
    await socket.accept()
    await converse(socket, _send(socket, state, start, wanted), _listen(socket, wanted))


async def _refuse(socket: WebSocket, error: InvalidRequest) -> None:
    """A browser sees no HTTP status: it is told in a frame. Not by 1008, which clients take for a wrong token."""
    await socket.accept()
    await socket.send_text(_told(error.message, status=error.status, close_code=PROTOCOL_ERROR))
    await socket.close(PROTOCOL_ERROR, error.message)


def _told(message: str, **more: int) -> str:
    body = msgspec.json.decode(error_body(message, "invalid_request"))
    return msgspec.json.encode({"type": "error", **body, **more}).decode() + "\n"


async def _send(socket: WebSocket, state: State, start: Start, wanted: Filter) -> None:
    if start.reset is not None:
        await socket.send_text(msgspec.json.encode(start.reset).decode() + "\n")
    async with aclosing(_lines(state, start)) as pages:  # type: ignore[type-var]
        async for page in pages:
            if isinstance(page, Dropped):
                await socket.send_text(msgspec.json.encode(_reset("trimmed", page.oldest)).decode() + "\n")
                continue
            for line in page or ():
                if wanted.wants(line):
                    await socket.send_text(_json(line, start).decode() + "\n")


async def _listen(socket: WebSocket, wanted: Filter) -> None:
    """Until the client leaves. What is no JSON object is ignored; a level that is none is told and changes nothing."""
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
        with suppress(msgspec.DecodeError, RecursionError):
            told = msgspec.json.decode(message.get("text") or "null")
            if isinstance(told, dict) and not change(wanted, told):
                await socket.send_text(_told("invalid level"))


def change(wanted: Filter, told: dict[str, Any]) -> bool:
    """Filter as a client says: without a level none is filtered. False: the level is none, and nothing changed."""
    named = told.get("level") or ""
    level = 0 if named == "" else level_named(named) if isinstance(named, str) else None
    if level is None:
        return False
    wanted.level = level
    if isinstance(told.get("session_id"), str):
        wanted.session = told["session_id"].strip()
    if isinstance(told.get("query"), str):
        wanted.text = told["query"].casefold()
    return True
