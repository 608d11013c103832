"""Event streams: four WebSockets and two SSE streams over the bus, with ids and resume (contract §4)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import aclosing, suppress
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response, WebSocket
from fastapi.responses import StreamingResponse
from starlette.websockets import WebSocketDisconnect

from gestalt_contracts.bus import BusUnavailable, Entry, Reset
from gestalt_contracts.channels import Stream
from gestalt_contracts.errors import Unavailable
from gestalt_contracts.following import follow, interleave
from gestalt_serving.event_socket import GOING_AWAY, STOPPING
from gestalt_session.frames import SHOWN_TOPICS, TOLD_WHEN_ASKED, WATCHER_TYPES, Frame, frame, reset_frame
from gestalt_session.routes.state import Resources, State
from gestalt_session.watchlist import Watchlist

router = APIRouter()
PING_SECONDS = 15.0
RETRY = b"retry: 5000\n\n"
PING = b": ping\n\n"
TRY_AGAIN = 1013
SSE_HEADERS = {"Cache-Control": "no-store, must-revalidate", "X-Accel-Buffering": "no", "Connection": "keep-alive"}

Wanted = Callable[[Entry], bool]


def sse(content: AsyncIterator[bytes]) -> StreamingResponse:
    """An SSE response."""
    return StreamingResponse(content, media_type="text/event-stream", headers=SSE_HEADERS)


def sse_frame(value: Frame) -> bytes:
    """One event: its id for Last-Event-ID, and its JSON on one line."""
    data = b"data: " + msgspec.json.encode(value) + b"\n\n"
    return b"id: " + str(value["id"]).encode() + b"\n" + data if value.get("id") else data


@router.get("/api/events/stream")
async def all_events(request: Request, state: Resources) -> Response:
    """Every event of workspace and sessions, `?types=` of them."""
    types = {name.strip() for value in request.query_params.getlist("types") for name in value.split(",")} - {""}
    after = request.headers.get("last-event-id") or request.query_params.get("last_event_id")

    def wanted(entry: Entry) -> bool:
        if types:
            return entry.event.type in types and entry.event.topic in TOLD_WHEN_ASKED
        return entry.event.topic in SHOWN_TOPICS

    items = follow(state["bus"], Stream.EVENTS, after or None, state["stopping"], pulse=PING_SECONDS)
    try:
        await anext(items)
    except BusUnavailable:
        raise Unavailable("event stream unavailable") from None
    return sse(_events(items, wanted))


async def _events(items: AsyncIterator[Entry | Reset | None], wanted: Wanted) -> AsyncIterator[bytes]:
    yield RETRY
    async for item in items:
        if item is None:
            yield PING
        elif isinstance(item, Reset):
            yield sse_frame(reset_frame(item))
        elif wanted(item):
            yield sse_frame(frame(item))


@router.get("/api/sessions/stream")
async def session_list(state: Resources) -> Response:
    """All summaries, then what changes."""
    changes = Watchlist(state["overview"], state["directory"]).follow()
    try:
        first = await anext(changes)
    except Exception as error:
        raise Unavailable("session stream unavailable") from error
    return sse(_summaries(first, changes, state["stopping"]))


async def _summaries(first: Frame, changes: AsyncIterator[Frame], stopping: asyncio.Event) -> AsyncIterator[bytes]:
    yield RETRY
    yield sse_frame(first)
    async for change in interleave(changes, stopping, pulse=PING_SECONDS):
        yield PING if change is None else sse_frame(change)


@router.websocket("/api/sessions/events")
async def terminal_events(socket: WebSocket, state: Resources) -> None:
    """Events of terminals."""
    await _serve(socket, state, lambda entry: entry.event.topic == "terminal")


@router.websocket("/api/agents/events")
async def agent_events(socket: WebSocket, state: Resources) -> None:
    """Events of agents."""
    await _serve(socket, state, lambda entry: entry.event.topic == "agent")


@router.websocket("/api/config/events")
async def config_events(socket: WebSocket, state: Resources) -> None:
    """Events of the configuration."""
    await _serve(socket, state, lambda entry: entry.event.topic == "config")


@router.websocket("/ws/events")
async def watcher_events(socket: WebSocket, state: Resources) -> None:
    """Events of files and git; `{"subscribe": [...]}` replaces the set."""
    subscribed = set(WATCHER_TYPES)

    def heard(message: Any) -> None:
        names = message.get("subscribe") if isinstance(message, dict) else None
        if isinstance(names, list):
            subscribed.clear()
            subscribed.update(name for name in names if isinstance(name, str) and name in WATCHER_TYPES)

    await _serve(socket, state, lambda entry: entry.event.type in subscribed, heard)


async def _serve(socket: WebSocket, state: State, wanted: Wanted, heard: Callable[[Any], None] | None = None) -> None:
    """Accepted only when the subscription holds: what happens from then on is told."""
    after = socket.query_params.get("after") or None
    items = follow(state["bus"], Stream.EVENTS, after, state["stopping"], pulse=PING_SECONDS)
    async with aclosing(items):  # type: ignore[type-var]
        try:
            await anext(items)
        except BusUnavailable:
            await socket.accept()
            await socket.close(TRY_AGAIN, "event bus unavailable")
            return
        await socket.accept()
        await _converse(socket, _send(socket, items, wanted), _listen(socket, heard))


async def _converse(socket: WebSocket, *sides: Coroutine[Any, Any, None]) -> None:
    """Until the stream ends or the client leaves."""
    sending, listening = map(asyncio.ensure_future, sides)
    try:
        await asyncio.wait({sending, listening}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        code, reason = _farewell(sending)
        sending.cancel()
        listening.cancel()
        await asyncio.gather(sending, listening, return_exceptions=True)
    with suppress(RuntimeError, WebSocketDisconnect):  # the client may have left first
        await socket.close(code, reason)


def _farewell(sending: asyncio.Future[None]) -> tuple[int, str]:
    failed = sending.done() and not sending.cancelled() and isinstance(sending.exception(), BusUnavailable)
    return (TRY_AGAIN, "event bus unavailable") if failed else (GOING_AWAY, STOPPING)


async def _send(socket: WebSocket, items: AsyncIterator[Entry | Reset | None], wanted: Wanted) -> None:
    async for item in items:
        if isinstance(item, Reset):
            await _send_frame(socket, reset_frame(item))
        elif item is not None and wanted(item):
            await _send_frame(socket, frame(item))


async def _send_frame(socket: WebSocket, value: Frame) -> None:
    await socket.send_text(msgspec.json.encode(value).decode() + "\n")


async def _listen(socket: WebSocket, heard: Callable[[Any], None] | None) -> None:
    """Until the client leaves."""
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
        text = message.get("text")
        if heard is not None and text is not None:
            with suppress(msgspec.DecodeError, RecursionError):  # not JSON: ignored, as the reference does
                heard(msgspec.json.decode(text))
