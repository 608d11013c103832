"""Connections that break off half way: what was not said whole is not done, and nobody else notices."""

from __future__ import annotations

import asyncio
import base64
import struct
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support import programs
from tests.support.client import Api, Viewer
from tests.support.eventually import eventually
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")
MANY = 200
MASK = b"\0\0\0\0"
TEXT, BINARY, PING, PONG = 0x81, 0x82, 0x89, 0x8A

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def connected(api: Api) -> AsyncIterator[Streams]:
    """A bare connection to the gateway, cut on leaving."""
    place = urlsplit(api.url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


@asynccontextmanager
async def upgraded(api: Api, uid: str, query: str = "cursor=0") -> AsyncIterator[Streams]:
    """A WebSocket whose frames are written by hand."""
    async with connected(api) as (reader, writer):
        key = base64.b64encode(b"sixteen bytes ok").decode()
        writer.write(
            f"GET /ws/session/{uid}?{query} HTTP/1.1\r\nHost: localhost\r\n"
            "Connection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        async with asyncio.timeout(5):
            head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 "), head
        yield reader, writer


def masked(first: int, data: bytes, *, claimed: int | None = None) -> bytes:
    """A short client frame; `claimed`: the length its header says."""
    return bytes((first, 0x80 | (len(data) if claimed is None else claimed))) + MASK + data


async def frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """The next short frame of the server."""
    async with asyncio.timeout(5):
        first, size = await reader.readexactly(2)
        return first, await reader.readexactly(size)


@asynccontextmanager
async def watched(api: Api) -> AsyncIterator[tuple[dict[str, Any], Viewer]]:
    """A session that echoes, and a viewer of it."""
    session = await api.create(programs.echo())
    async with api.viewer(session["uid"]) as viewer:
        await viewer.shows(programs.BEGUN)
        yield session, viewer


async def nothing_but(viewer: Viewer, typed: bytes) -> None:
    """Type, and see that this and nothing else was typed."""
    await viewer.type(typed)
    await viewer.shows(typed)
    assert bytes(viewer.data) == programs.BEGUN + typed


def head(method: str, path: str, length: int) -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n".encode()


@pytest.mark.parametrize("sent", [4, 70_000])
async def test_an_input_that_does_not_come_whole_types_nothing(api: Api, sent: int) -> None:
    async with watched(api) as (session, viewer):
        async with connected(api) as (_, writer):
            writer.write(head("POST", f"/api/sessions/{session['uid']}/input", sent + 1) + b"x" * sent)
            await writer.drain()
            await api.session(session["uid"])
        async with connected(api) as (_, writer):
            chunk = b"%x\r\n" % sent + b"x" * sent + b"\r\n"
            path = f"/api/sessions/{session['uid']}/input"
            writer.write(
                f"POST {path} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n".encode() + chunk
            )
            await writer.drain()
            await api.session(session["uid"])
        await nothing_but(viewer, b"whole")


async def test_a_session_that_is_not_asked_for_whole_is_not_made(api: Api) -> None:
    before = len(await api.get("/api/sessions"))
    async with connected(api) as (_, writer):
        writer.write(head("POST", "/api/sessions", 20) + b'{"title":"half"')
        await writer.drain()
        await api.get("/api/status")
    assert len(await api.get("/api/sessions")) == before


async def test_an_upgrade_that_stops_half_way_and_a_frame_that_does_not_end_type_nothing(api: Api) -> None:
    async with watched(api) as (session, viewer):
        async with connected(api) as (_, writer):
            writer.write(f"GET /ws/session/{session['uid']} HTTP/1.1\r\nHost: localhost\r\nUpgrade: webs".encode())
            await writer.drain()
        async with upgraded(api, session["uid"]) as (_, writer):
            writer.write(masked(BINARY, b"half", claimed=10))
            await writer.drain()
            await eventually(lambda: viewers_are(api, session["uid"], 2))
        await eventually(lambda: viewers_are(api, session["uid"], 1))
        await nothing_but(viewer, b"whole")


async def viewers_are(api: Api, uid: str, count: int) -> bool:
    return bool((await api.session(uid))["viewers"] == count)


async def test_a_message_in_pieces_with_a_ping_between_them_is_typed_whole(api: Api) -> None:
    async with watched(api) as (session, viewer), upgraded(api, session["uid"], "") as (reader, writer):
        for piece in (masked(BINARY & 0x7F, b"in "), masked(PING, b"there?"), masked(0x80, b"pieces")):
            writer.write(piece)
        assert await frame(reader) == (PONG, b"there?")
        await viewer.shows(b"in pieces")


async def test_what_was_said_whole_before_a_cut_is_typed_and_the_viewer_forgotten(api: Api) -> None:
    async with watched(api) as (session, viewer):
        async with upgraded(api, session["uid"]) as (reader, writer):
            assert await frame(reader) == (BINARY, programs.BEGUN)
            writer.write(masked(TEXT, b"said ") + masked(BINARY, b"whole") + masked(BINARY, b"cut", claimed=9))
            await writer.drain()
            writer.write_eof()
            await viewer.shows(b"said whole")
        await eventually(lambda: viewers_are(api, session["uid"], 1))
        assert bytes(viewer.data) == programs.BEGUN + b"said whole"


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (b"\x82\x04none", 1002),  # not masked
        (b"\xc2\x84" + MASK + b"rsv1", 1002),
        (masked(0x83, b"what"), 1002),
        (masked(0x80, b"of no message"), 1002),
        (b"\x82\xff" + struct.pack("!Q", 1 << 40) + MASK, 1009),
    ],
)
async def test_what_is_no_frame_is_closed_with_its_reason_and_types_nothing(api: Api, bad: bytes, code: int) -> None:
    async with watched(api) as (session, viewer):
        async with upgraded(api, session["uid"], "") as (reader, writer):
            writer.write(bad)
            first, data = await frame(reader)
            assert (first, struct.unpack("!H", data[:2])[0]) == (0x88, code)
        await nothing_but(viewer, b"whole")


async def test_many_who_say_nothing_keep_nobody_else_out(api: Api, system: Stack) -> None:
    async with AsyncExitStack() as silent:
        for _ in range(MANY):
            await silent.enter_async_context(connected(api))
        async with asyncio.timeout(2):
            assert (await api.http.get("/api/status")).status_code == 200
        async with watched(api) as (_, viewer):
            await nothing_but(viewer, b"whole")
    assert system.complained() == ""
