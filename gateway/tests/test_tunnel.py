"""WebSockets through a gateway, against workers that speak by hand, byte by byte."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import websockets
from gateway_world import EchoApp, World, close_code, eventually

from gestalt_gateway import tunnel
from gestalt_gateway.frames import close_frame

PATH = "/ws/session/Shell%201"
SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nX-As-It-Is: 1\r\n\r\n"
Handle = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def frame(payload: bytes) -> bytes:
    return b"\x82\x7f" + struct.pack(">Q", len(payload)) + payload


def accepting(then: Handle, heads: list[bytes] | None = None) -> Handle:
    """A worker that takes every upgrade, then does `then`."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if heads is not None:
            heads.append(head)
        writer.write(SWITCHING)
        try:
            await then(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    return handle


async def echoing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    del writer
    await reader.read()


async def test_an_unknown_terminal_is_accepted_and_closed_4404(world: World) -> None:
    await world.worker()
    gateway = await world.gateway()
    for target in ("/ws/session/nope", "/ws/session/Shell%201/", "/ws/session/"):
        status, headers, reader, writer = await gateway.upgrade(target, "Sec-WebSocket-Protocol: gestalt.control, b")
        assert (status, headers["sec-websocket-protocol"]) == (101, "gestalt.control")
        assert await close_code(reader) == (4404, "terminal not found")
        writer.close()


async def test_a_worker_that_is_gone_or_refuses_is_accepted_and_closed_1013(world: World) -> None:
    await world.session(await world.registered(1))
    gateway = await world.gateway()
    for target in (PATH, "/ws/events", "/ws/logs"):
        status, _, reader, writer = await gateway.upgrade(target)
        assert (status, (await close_code(reader))[0]) == (101, 1013)
        writer.close()


async def test_a_foreign_origin_a_foreign_host_and_a_wrong_token_are_refused_before_the_upgrade(world: World) -> None:
    await world.session(await world.raw_worker(accepting(silent)))
    gateway = await world.gateway(token="t0ken")
    good = "Authorization: Bearer t0ken"
    assert (await gateway.upgrade(PATH))[0] == 401
    assert (await gateway.upgrade(PATH + "?token=wrong", good.replace("t0ken", "wrong")))[0] == 401
    assert (await gateway.upgrade(PATH, good, host="evil.example"))[0] == 421
    assert (await gateway.upgrade(PATH, good, "Origin: http://evil.example"))[0] == 403
    assert (await gateway.upgrade("/ws/nothing", good))[0] == 404
    assert (await gateway.upgrade("/api/status", good))[0] == 400
    assert (await gateway.upgrade(PATH, good, f"Origin: http://127.0.0.1:{gateway.port}"))[0] == 101


async def test_what_is_no_handshake_is_a_400(world: World) -> None:
    gateway = await world.gateway()
    answered = await gateway.client.get(PATH)
    assert (answered.status_code, answered.headers["sec-websocket-version"]) == (400, "13")
    assert (await gateway.client.post(PATH)).headers["allow"] == "GET"
    reader, writer = await gateway.connect()
    writer.write(
        f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n".encode()
    )
    assert (await reader.readline()).split()[1] == b"400"
    writer.close()


async def test_a_token_in_the_query_opens_and_goes_no_further(world: World) -> None:
    heads: list[bytes] = []
    await world.session(await world.raw_worker(accepting(silent, heads)))
    gateway = await world.gateway(token="t0ken")
    extensions = "Sec-WebSocket-Extensions: permessage-deflate"
    assert (await gateway.upgrade(PATH + "?cursor=5&token=t0ken", extensions, "X-Gestalt-Uid: evil"))[0] == 101
    head = heads[0].lower()
    assert head.startswith(b"get /ws/session/shell%201?cursor=5 http/1.1\r\n")
    assert b"t0ken" not in head
    assert b"extensions" not in head
    assert head.count(b"x-gestalt-uid: uid-1\r\n") == 1
    assert b"evil" not in head
    assert b"authorization: bearer internal-secret\r\n" in head


async def test_the_workers_answer_and_every_byte_after_it_pass_as_they_are(world: World) -> None:
    blob = frame(bytes(range(256)) * 4096)

    async def send(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(blob[:100_000])
        await writer.drain()
        writer.write(blob[100_000:] + frame(b""))
        await reader.read()

    await world.session(await world.raw_worker(accepting(send)))
    gateway = await world.gateway()
    status, headers, reader, writer = await gateway.upgrade(PATH)
    assert (status, headers["x-as-it-is"]) == (101, "1")
    assert await reader.readexactly(len(blob) + 10) == blob + frame(b"")
    writer.close()


async def test_close_codes_cross_both_ways(world: World) -> None:
    seen: list[bytes] = []

    async def closing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readexactly(10))
        writer.write(close_frame(4001, "gone"))
        await reader.read()

    await world.session(await world.raw_worker(accepting(closing)))
    gateway = await world.gateway()
    _, _, reader, writer = await gateway.upgrade(PATH)
    writer.write(close_frame(4000, "ok", masked=True))
    assert await close_code(reader) == (4001, "gone")
    writer.close()
    assert seen == [close_frame(4000, "ok", masked=True)]


async def test_a_stock_client_talks_through_it(world: World) -> None:
    app = EchoApp()

    async def speak(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept", "subprotocol": scope["subprotocols"][0]})
        await send({"type": "websocket.send", "bytes": (await receive())["bytes"] * 2})
        await send({"type": "websocket.close", "code": 4404, "reason": "gone"})

    app.http = speak
    await world.session(await world.worker(app))
    gateway = await world.gateway()
    url = f"ws://127.0.0.1:{gateway.port}{PATH}"
    async with websockets.connect(url, subprotocols=["gestalt.control"], max_size=None) as client:  # type: ignore[list-item]
        assert client.subprotocol == "gestalt.control"
        await client.send(b"x" * 300_000)
        assert await client.recv() == b"x" * 600_000
        with pytest.raises(websockets.ConnectionClosedError) as closed:
            await client.recv()
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4404, "gone")


async def test_a_421_is_looked_up_again_and_asked_once_more(world: World) -> None:
    asked: list[bytes] = []

    async def misdirected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 421 Misdirected Request\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    await world.session(await world.raw_worker(misdirected))
    gateway = await world.gateway()
    status, _, reader, writer = await gateway.upgrade(PATH)
    assert (status, await close_code(reader)) == (101, (1013, "session worker unavailable"))
    assert len(asked) == 1
    writer.close()


async def test_another_refusal_of_the_worker_reaches_the_client(world: World) -> None:
    app = EchoApp()

    async def deny(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.http.response.start", "status": 409, "headers": [(b"content-length", b"2")]})
        await send({"type": "websocket.http.response.body", "body": b"{}"})

    app.http = deny
    await world.session(await world.worker(app))
    gateway = await world.gateway()
    status, _, reader, _ = await gateway.upgrade(PATH)
    assert (status, await reader.readexactly(2)) == (409, b"{}")


async def test_a_worker_that_dies_between_frames_is_told_as_1013(world: World) -> None:
    async def die(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(frame(b"whole"))
        await reader.readexactly(1)
        writer.transport.abort()

    await world.session(await world.raw_worker(accepting(die)))
    gateway = await world.gateway()
    _, _, reader, writer = await gateway.upgrade(PATH)
    assert await reader.readexactly(15) == frame(b"whole")
    writer.write(b"\x82\x80\0\0\0\0")
    assert await close_code(reader) == (1013, "worker unavailable")
    writer.close()


async def test_a_worker_that_dies_within_a_frame_cuts_the_connection(world: World) -> None:
    async def die(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del reader
        writer.write(frame(b"never whole")[:-3])
        await writer.drain()

    await world.session(await world.raw_worker(accepting(die)))
    gateway = await world.gateway()
    _, _, reader, _ = await gateway.upgrade(PATH)
    assert await asyncio.wait_for(reader.read(), 5) == frame(b"never whole")[:-3]


async def test_a_worker_whose_lease_runs_out_is_told_as_1013(world: World) -> None:
    await world.session(await world.raw_worker(accepting(silent)))
    gateway = await world.gateway()
    _, _, reader, writer = await gateway.upgrade(PATH)
    world.clock.now += 60
    assert await close_code(reader) == (1013, "worker unavailable")
    writer.close()


async def test_a_redis_that_was_emptied_closes_no_terminal(world: World) -> None:
    worker = await world.raw_worker(accepting(echoing))
    await world.session(worker)
    gateway = await world.gateway()
    _, _, reader, writer = await gateway.upgrade(PATH)
    world.directory.forget()
    world.clock.now += 2
    await asyncio.wait_for(gateway.app._live.refresh(), 5)
    assert gateway.app._live.workers_alive == 1
    writer.write(b"\x82\x80\0\0\0\0")
    assert await reader.readexactly(6) == b"\x82\x80\0\0\0\0"
    writer.close()


async def test_a_stop_closes_with_1001_at_the_end_of_the_frame_under_way(world: World) -> None:
    go_on = asyncio.Event()

    async def halfway(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        whole = frame(b"0123456789")
        writer.write(whole[:15])
        await go_on.wait()
        writer.write(whole[15:] + frame(b"too late"))
        await reader.read()

    await world.session(await world.raw_worker(accepting(halfway)))
    gateway = await world.gateway()
    _, _, reader, writer = await gateway.upgrade(PATH)
    assert await reader.readexactly(15) == frame(b"0123456789")[:15]
    gateway.server.handle_exit(15, None)
    await eventually(lambda: any(one._ending for one in tunnels_of(gateway)))
    go_on.set()
    assert await reader.readexactly(5) == b"56789"
    assert await close_code(reader) == (1001, "server stopping")
    writer.close()


async def test_a_stop_cuts_a_frame_that_does_not_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tunnel, "BOUNDARY_SECONDS", 0.05)

    async def halfway(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(frame(b"0123456789")[:15])
        await reader.read()

    await world.session(await world.raw_worker(accepting(halfway)))
    gateway = await world.gateway()
    _, _, reader, _ = await gateway.upgrade(PATH)
    assert await reader.readexactly(15)
    gateway.server.handle_exit(15, None)
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await asyncio.wait_for(reader.readexactly(1), 5)


async def test_a_logout_closes_the_tunnels_of_that_login_and_no_other(world: World) -> None:
    closes: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del writer
        closes.append(await reader.read())

    await world.session(await world.raw_worker(accepting(listen)))
    gateway, other = await world.gateway(token="t0ken"), await world.gateway(token="t0ken")
    login = await gateway.stranger.post("/api/auth/login", json={"token": "t0ken"})
    cookie = login.headers["set-cookie"].partition(";")[0]
    ticket = (await other.stranger.post("/api/auth/ticket", headers={"Cookie": cookie})).json()["ticket"]
    _, _, by_cookie, one = await gateway.upgrade(PATH, f"Cookie: {cookie}")
    _, _, by_ticket, two = await other.upgrade(f"{PATH}?ticket={ticket}")
    _, _, by_token, three = await other.upgrade(f"{PATH}?token=t0ken")
    assert (await other.upgrade(f"{PATH}?ticket={ticket}"))[0] == 401
    assert (await gateway.stranger.post("/api/auth/logout", headers={"Cookie": cookie})).status_code == 204
    assert await close_code(by_cookie) == (1008, "credential revoked")
    assert await close_code(by_ticket) == (1008, "credential revoked")
    assert (await gateway.upgrade(PATH, f"Cookie: {cookie}"))[0] == 401
    await eventually(lambda: len(closes) == 2)
    assert closes == [close_frame(1008, "credential revoked", masked=True)] * 2
    assert not by_token.at_eof()
    for writer in (one, two, three):
        writer.close()


async def test_a_client_that_never_reads_stops_the_worker_and_costs_no_memory(world: World) -> None:
    sent = 0

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        del reader
        writer.transport.set_write_buffer_limits(high=0)
        while True:
            writer.write(frame(bytes(65536)))
            await writer.drain()
            sent += 65536

    await world.session(await world.raw_worker(accepting(flood)))
    gateway = await world.gateway()
    _, _, _, writer = await gateway.upgrade(PATH)
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    one = await eventually(lambda: next(iter(tunnels_of(gateway)), None))
    await eventually(lambda: not one.upstream.is_reading())
    assert one.client.get_write_buffer_size() < 600_000
    before = sent
    writer.transport.resume_reading()  # type: ignore[attr-defined]
    await eventually(lambda: sent > before + 10_000_000)
    writer.transport.abort()
    await eventually(lambda: not tunnels_of(gateway))


async def test_a_worker_that_never_reads_stops_the_client(world: World) -> None:
    go_on, received = asyncio.Event(), 0

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal received
        del writer
        await go_on.wait()
        while data := await reader.read(1 << 20):
            received += len(data)

    await world.session(await world.raw_worker(accepting(slow)))
    gateway = await world.gateway()
    _, _, _, writer = await gateway.upgrade(PATH)
    one = await eventually(lambda: next(iter(tunnels_of(gateway)), None))
    for _ in range(100):
        writer.write(bytes(100_000))
    await eventually(lambda: not one.client.is_reading())
    assert one.upstream.get_write_buffer_size() < 600_000
    go_on.set()
    await eventually(lambda: received == 10_000_000)
    writer.close()


async def test_what_a_client_typed_before_it_left_still_arrives(world: World) -> None:
    typed: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del writer
        typed.append(await reader.read())

    await world.session(await world.raw_worker(accepting(listen)))
    gateway = await world.gateway()
    _, _, _, writer = await gateway.upgrade(PATH)
    writer.write(b"\x82\x84\0\0\0\0exit")
    writer.close()
    await eventually(lambda: typed)
    assert typed == [b"\x82\x84\0\0\0\0exit"]


async def test_a_worker_that_answers_nonsense_is_told_as_1011(world: World) -> None:
    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"hello\r\n\r\n")
        await reader.read()
        writer.close()

    await world.session(await world.raw_worker(nonsense))
    gateway = await world.gateway()
    _, _, reader, writer = await gateway.upgrade(PATH)
    assert (await close_code(reader))[0] == 1011
    writer.close()


def tunnels_of(gateway: Any) -> list[Any]:
    """The tunnels that a stop of this gateway would end."""
    return [one for one in gateway.server.server_state.connections if isinstance(one, tunnel.Tunnel)]
