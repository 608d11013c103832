"""SSE and WebSocket framing, alike on all streams."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import suppress
from typing import Any

from fastapi import WebSocket
from fastapi.responses import StreamingResponse
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocketDisconnect

from gestalt_serving.event_socket import GOING_AWAY, STOPPING

PING_SECONDS = 15.0
RETRY = b"retry: 5000\n\n"
PING = b": ping\n\n"
TRY_AGAIN = 1013
SSE_HEADERS = {"Cache-Control": "no-store, must-revalidate", "X-Accel-Buffering": "no", "Connection": "keep-alive"}


def sse(content: AsyncIterator[bytes]) -> StreamingResponse:
    """An SSE response."""
    return StreamingResponse(content, media_type="text/event-stream", headers=SSE_HEADERS)


def event(json: bytes, id_: str = "") -> bytes:
    """One event: its id for Last-Event-ID, and its JSON on one line."""
    data = b"data: " + json + b"\n\n"
    return b"id: " + id_.encode() + b"\n" + data if id_ else data


def resumed_after(connection: HTTPConnection) -> str | None:
    """Where the client was: Last-Event-ID, else `last_event_id` or, on a WebSocket, `after`."""
    query = connection.query_params
    return connection.headers.get("last-event-id") or query.get("last_event_id") or query.get("after") or None


async def converse(socket: WebSocket, *sides: Coroutine[Any, Any, None]) -> None:
    """Until one side ends: the stream, or the client by leaving."""
    running = [asyncio.ensure_future(side) for side in sides]
    try:
        await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    finally:
        failed = running[0].done() and not running[0].cancelled() and running[0].exception() is not None
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    code, reason = (TRY_AGAIN, "stream unavailable") if failed else (GOING_AWAY, STOPPING)
    with suppress(RuntimeError, WebSocketDisconnect):  # the client may have left first
        await socket.close(code, reason)
