"""HTTP and event streams through a gateway, against services in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from gateway_world import DeafDirectory, EchoApp, Running, World, answer, eventually, head_of

from gestalt_gateway import proxy


def answering(status: int, body: bytes, headers: list[tuple[bytes, bytes]] | None = None) -> Any:
    """A service that always answers the same."""

    async def service(_scope: Any, _receive: Any, send: Any) -> None:
        await answer(send, status, body, headers)

    return service


def header(asked: dict[str, Any], name: str) -> list[str]:
    return [value for key, value in asked["headers"] if key == name]


async def test_nobody_on_the_port_is_a_503_within_the_connect_timeout(world: World) -> None:
    worker = await world.registered(1)
    await world.session(worker)
    gateway = await world.gateway()
    answered = await gateway.client.get("/api/sessions/uid-1/output")
    assert (answered.status_code, answered.json()["code"]) == (503, "worker_unavailable")
    assert answered.headers["retry-after"] == "1"
    assert (await gateway.client.get("/api/status")).json()["code"] == "service_unavailable"


async def test_a_worker_that_hangs_is_given_up_when_its_lease_runs_out(world: World) -> None:
    hanging = asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        hanging.set()
        await reader.read()
        writer.close()

    await world.session(await world.raw_worker(hang))
    gateway = await world.gateway()
    asking = asyncio.create_task(gateway.client.get("/api/sessions/uid-1/output"))
    await hanging.wait()
    world.clock.now += 60
    answered = await asking
    assert (answered.status_code, answered.json()["code"]) == (503, "worker_unavailable")


async def test_a_worker_that_breaks_off_leaves_a_get_503_and_a_post_502(world: World) -> None:
    async def drop(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.transport.abort()

    await world.session(await world.raw_worker(drop))
    gateway = await world.gateway()
    got = await gateway.client.get("/api/sessions/uid-1/output")
    posted = await gateway.client.post("/api/sessions/uid-1/input", content=b"ls")
    assert (got.status_code, got.json()["code"]) == (503, "worker_unavailable")
    assert (posted.status_code, posted.json()["code"]) == (502, "bad_gateway")


async def test_services_that_do_not_live_yet_are_503(world: World) -> None:
    gateway = await world.gateway()
    for path in ("/api/flow/runs", "/api/logs/stream", "/api/metrics/summary"):
        answered = await gateway.client.get(path)
        assert (answered.status_code, answered.json()["code"]) == (503, "service_unavailable")
    assert (await gateway.client.post("/v1/logs", content=b"{}")).status_code == 503


async def test_a_service_that_does_not_take_our_bearer_is_a_bad_gateway(world: World) -> None:
    app = EchoApp()
    app.http = answering(401, b"{}")
    await world.session(await world.worker(app))
    gateway = await world.gateway()
    assert (await gateway.client.get("/api/sessions/uid-1")).status_code == 502


async def test_the_path_goes_on_undecoded_and_the_owner_is_told_the_uid(world: World) -> None:
    app = EchoApp()
    await world.session(await world.worker(app), name="C# 50% 1")
    gateway = await world.gateway()
    asked = (await gateway.client.get("/api/sessions/C%23%2050%25%201/history?lines=3&q=%20a+b")).json()
    assert (asked["path"], asked["query"]) == ("/api/sessions/C%23%2050%25%201/history", "lines=3&q=%20a+b")
    assert header(asked, "x-gestalt-uid") == ["uid-1"]
    assert header(asked, "authorization") == ["Bearer internal-secret"]
    assert header(asked, "x-forwarded-host") == [f"127.0.0.1:{gateway.port}"]


async def test_credentials_and_private_headers_of_clients_go_no_further(world: World) -> None:
    await world.session(await world.worker())
    gateway = await world.gateway(token="t0ken")
    asked = (
        await gateway.client.get(
            "/api/sessions/uid-1?token=t0ken&a=1&ticket=x",
            headers={"X-Gestalt-Uid": "evil", "X-Gestalt-Cause": "x", "X-Forwarded-For": "9.9.9.9", "Cookie": "a=b"},
        )
    ).json()
    assert asked["query"] == "a=1"
    assert header(asked, "x-gestalt-uid") == ["uid-1"]
    assert header(asked, "x-forwarded-for") == ["127.0.0.1"]
    assert not header(asked, "x-gestalt-cause")
    assert not header(asked, "cookie")
    assert "t0ken" not in str(asked)


async def test_hop_by_hop_headers_stay_and_repeated_ones_go_both_ways(world: World) -> None:
    app = EchoApp()

    async def cookies(scope: Any, _receive: Any, send: Any) -> None:
        app.seen.append({"headers": [[name.decode(), value.decode()] for name, value in scope["headers"]]})
        many = [(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2"), (b"x-gestalt-uid", b"secret"), (b"keep-alive", b"1")]
        await answer(send, 200, b"{}", many)

    app.http = cookies
    await world.worker(app)
    gateway = await world.gateway()
    asking = [("X-Many", "1"), ("X-Many", "2"), ("Connection", "x-hop"), ("X-Hop", "1"), ("TE", "trailers")]
    answered = await gateway.client.get("/api/status", headers=asking)
    assert header(app.seen[0], "x-many") == ["1", "2"]
    assert not header(app.seen[0], "x-hop")
    assert not header(app.seen[0], "te")
    assert answered.headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert "x-gestalt-uid" not in answered.headers
    assert answered.headers["x-content-type-options"] == "nosniff"
    assert answered.headers["cache-control"] == "no-store, must-revalidate"
    assert answered.headers.get_list("date") == [answered.headers["date"]]


async def test_a_sane_request_id_is_kept_and_another_one_replaced(world: World) -> None:
    await world.worker()
    gateway = await world.gateway()
    named = {"X-Request-Id": "abc-1", "traceparent": f"00-{'1' * 32}-{'2' * 16}-01"}
    kept = await gateway.client.get("/api/status", headers=named)
    made = await gateway.client.get("/api/status", headers={"X-Request-Id": "bad id"})
    assert kept.headers["x-request-id"] == "abc-1"
    assert header(kept.json(), "x-request-id") == ["abc-1"]
    (traceparent,) = header(kept.json(), "traceparent")
    assert traceparent.split("-")[1] == "1" * 32
    assert traceparent.split("-")[2] != "2" * 16
    assert made.headers["x-request-id"] not in {"", "bad id"}


async def test_a_compressed_answer_is_passed_on_as_it_is(world: World) -> None:
    app = EchoApp()
    app.http = answering(200, b"not really gzip", [(b"content-encoding", b"gzip")])
    await world.worker(app)
    gateway = await world.gateway()
    async with gateway.client.stream("GET", "/api/status") as answered:
        assert b"".join([piece async for piece in answered.aiter_raw()]) == b"not really gzip"


async def test_the_first_bytes_of_a_stream_come_before_its_end_and_a_hang_up_cancels_it(world: World) -> None:
    app, cancelled = EchoApp(), asyncio.Event()

    async def stream(_scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        await send({"type": "http.response.body", "body": b"retry: 5000\n\n", "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass
        cancelled.set()

    app.http = stream
    await world.worker(app)
    gateway = await world.gateway()
    async with gateway.client.stream("GET", "/api/events/stream") as answered:
        async with asyncio.timeout(5):
            assert await anext(answered.aiter_raw()) == b"retry: 5000\n\n"
        assert not cancelled.is_set()
    async with asyncio.timeout(5):
        await cancelled.wait()


async def test_a_hang_up_after_a_whole_body_cancels_nothing(world: World) -> None:
    app, going, go_on, done = EchoApp(), asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def slow(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        going.set()
        await go_on.wait()
        await answer(send, 200, b"{}")
        done.set()

    app.http = slow
    await world.session(await world.worker(app))
    gateway = await world.gateway()
    reader, writer = await gateway.connect()
    writer.write(b"POST /api/sessions/uid-1/input HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nls")
    await going.wait()
    writer.transport.abort()
    del reader
    go_on.set()
    async with asyncio.timeout(5):
        await done.wait()


async def test_a_chunked_upload_of_three_megabytes_goes_through_whole(world: World) -> None:
    app = EchoApp()
    gateway = await world.gateway()
    world_port = (await world.worker(app)).address
    world.services["telemetry"] = world_port
    gateway = await world.gateway()

    async def chunks() -> AsyncIterator[bytes]:
        for number in range(48):
            yield bytes([number]) * 65536

    answered = await gateway.client.post("/v1/logs", content=chunks())
    assert answered.status_code == 200
    assert app.seen[0]["body"] == "".join(chr(number) * 65536 for number in range(48))
    assert header(app.seen[0], "transfer-encoding") == ["chunked"]


async def test_an_upload_with_a_length_keeps_it(world: World) -> None:
    app = EchoApp()
    await world.session(await world.worker(app))
    gateway = await world.gateway()
    await gateway.client.post("/api/sessions/uid-1/input", content=b"x" * 300_000)
    assert header(app.seen[0], "content-length") == ["300000"]
    assert len(app.seen[0]["body"]) == 300_000


async def test_a_body_that_says_it_is_too_long_is_refused_unread(world: World) -> None:
    app = EchoApp()
    await world.session(await world.worker(app))
    gateway = await world.gateway(input_limit=1000)
    reader, writer = await gateway.connect()
    writer.write(b"POST /api/sessions/uid-1/input HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999\r\n\r\n")
    assert (await head_of(reader))[0] == 413
    writer.close()
    assert not app.seen


async def test_a_chunked_body_is_refused_where_it_passes_the_limit(world: World) -> None:
    app = EchoApp()
    await world.session(await world.worker(app))
    gateway = await world.gateway(input_limit=200_000)

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 65536

    answered = await gateway.client.post("/api/sessions/uid-1/input", content=endless())
    assert (answered.status_code, answered.json()["code"]) == (413, "payload_too_large")
    assert not app.seen


async def test_a_421_is_looked_up_again_and_asked_once_more(world: World) -> None:
    world.directory = DeafDirectory(clock=world.clock)
    right, asked = EchoApp(), []

    async def misdirected(scope: Any, _receive: Any, send: Any) -> None:
        asked.append(scope["raw_path"])
        await answer(send, 421, b"{}")

    wrong = EchoApp()
    wrong.http = misdirected
    await world.session(await world.worker(wrong, name="w1"))
    gateway = await world.gateway()
    await world.session(await world.worker(right, name="w2"))
    answered = await gateway.client.post("/api/sessions/uid-1/input", content=b"ls")
    assert answered.json()["body"] == "ls"
    assert len(right.seen) == 1
    assert len(asked) == 1


async def test_what_a_worker_that_was_away_does_not_take_goes_out_again_under_its_new_generation(world: World) -> None:
    world.directory = DeafDirectory(clock=world.clock)
    app, old = EchoApp(), []
    takes = app.http

    async def refuses_the_old(scope: Any, receive: Any, send: Any) -> None:
        if (b"x-gestalt-generation", b"1") in scope["headers"]:
            old.append(scope["raw_path"])
            await answer(send, 421, b"{}")
        else:
            await takes(scope, receive, send)

    app.http = refuses_the_old  # type: ignore[method-assign]
    worker = await world.worker(app)
    record = await world.session(worker)
    gateway = await world.gateway()
    await world.directory.adopt(await world.directory.register(worker, floor=0), record)
    answered = await gateway.client.post("/api/sessions/uid-1/input", content=b"ls")
    assert header(answered.json(), "x-gestalt-generation") == ["2"]
    assert len(old) == 1


async def test_a_worker_that_never_holds_the_session_is_unavailable_and_asked_twice_at_most(world: World) -> None:
    app, asked = EchoApp(), []

    async def misdirected(scope: Any, _receive: Any, send: Any) -> None:
        asked.append(scope["raw_path"])
        await answer(send, 421, b"{}")

    app.http = misdirected
    await world.session(await world.worker(app))
    gateway = await world.gateway()
    answered = await gateway.client.post("/api/sessions/uid-1/input", content=b"ls")
    assert (answered.status_code, answered.json()["code"]) == (503, "worker_unavailable")
    assert len(asked) == 1


async def test_an_unknown_session_is_asked_of_any_worker_without_a_uid(world: World) -> None:
    app = EchoApp()
    await world.worker(app)
    gateway = await world.gateway()
    assert (await gateway.client.get("/api/sessions/nope/history?lines=x")).status_code == 200
    assert not header(app.seen[0], "x-gestalt-uid")


async def test_without_a_worker_an_unknown_session_is_404(world: World) -> None:
    gateway = await world.gateway()
    answered = await gateway.client.get("/api/sessions/nope/history")
    assert (answered.status_code, answered.json()["message"]) == (404, "terminal not found")


async def test_sessions_are_placed_where_most_is_free(world: World) -> None:
    small, large = EchoApp(), EchoApp()
    await world.worker(small, name="small", capacity=2)
    await world.worker(large, name="large", capacity=5)
    gateway = await world.gateway()
    for _ in range(5):
        await gateway.client.post("/api/sessions", json={})
    assert (len(small.seen), len(large.seen)) == (1, 4)


async def test_a_worker_that_refuses_connections_is_passed_over(world: World) -> None:
    app = EchoApp()
    await world.registered(1, name="dead", capacity=99)
    await world.worker(app, name="alive")
    gateway = await world.gateway()
    for _ in range(4):
        assert (await gateway.client.post("/api/sessions", json={})).status_code == 200
        assert (await gateway.client.get("/api/status")).status_code == 200


async def test_deleting_a_session_of_a_gone_worker_is_noted_for_its_return(world: World) -> None:
    await world.session(await world.worker())
    gateway = await world.gateway()
    world.clock.now += 60
    await eventually(lambda: gateway.app._live.workers_alive == 0)
    assert (await gateway.client.get("/api/sessions/uid-1")).json()["code"] == "worker_unavailable"
    deleted = await gateway.client.delete("/api/sessions/Shell%201")
    assert deleted.status_code == 202
    record = await world.directory.find("uid-1")
    assert record is not None
    assert record.end_requested


async def test_of_a_lost_session_any_worker_tells_what_lies_on_disk_and_nobody_anything_else(world: World) -> None:
    app = EchoApp()
    await world.session(await world.worker(name="away"))
    gateway = await world.gateway()
    world.clock.now += 60
    there = await world.worker(app, name="there")
    live = gateway.app._live
    await eventually(lambda: live.worker("there") is not None and live.worker("away") is None)
    unreachable = await gateway.client.get("/api/sessions/uid-1/history")
    assert (unreachable.status_code, unreachable.json()["code"]) == (503, "worker_unavailable")
    await world.directory.sweep(lost_after=10)
    world.clock.now += 20
    await world.directory.register(there, floor=0)
    await world.directory.sweep(lost_after=10)
    for read in ("history", "recording"):
        await eventually(lambda read=read: answers(gateway, f"/api/sessions/uid-1/{read}"))
        assert header(app.seen[-1], "x-gestalt-uid") == ["uid-1"]
    assert (await gateway.client.get("/api/sessions/uid-1/output")).json()["code"] == "worker_unavailable"


async def answers(gateway: Running, path: str) -> bool:
    return (await gateway.client.get(path)).status_code == 200


async def test_while_the_directory_is_away_the_last_table_serves(world: World) -> None:
    await world.session(await world.worker())
    gateway = await world.gateway()
    world.directory.away = True
    assert (await gateway.client.get("/api/sessions/Shell%201")).status_code == 200
    unknown = await gateway.client.get("/api/sessions/other")
    assert (unknown.status_code, unknown.json()["code"]) == (503, "service_unavailable")
    ready = await gateway.client.get("/readyz")
    assert (ready.status_code, ready.json()["failing"]) == (503, ["redis"])


async def test_a_stop_ends_streams_at_once_and_in_order(world: World) -> None:
    app = EchoApp()

    async def stream(_scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        await send({"type": "http.response.body", "body": b": here\n\n", "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass

    app.http = stream
    await world.worker(app)
    gateway = await world.gateway()
    async with gateway.client.stream("GET", "/api/events/stream") as answered:
        pieces = answered.aiter_raw()
        assert await anext(pieces) == b": here\n\n"
        gateway.server.handle_exit(15, None)
        async with asyncio.timeout(1):
            assert [piece async for piece in pieces] == []


async def test_an_answer_that_breaks_off_is_not_ended_as_if_it_were_whole(world: World) -> None:
    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n")
        await writer.drain()
        writer.close()

    await world.raw_worker(half)
    gateway = await world.gateway()
    with pytest.raises(httpx.RemoteProtocolError):
        await gateway.client.get("/api/status")


async def test_an_answer_that_never_comes_is_a_504(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxy, "ANSWER_SECONDS", 0.05)

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    await world.raw_worker(hang)
    gateway = await world.gateway()
    answered = await gateway.client.get("/api/status")
    assert (answered.status_code, answered.json()["code"]) == (504, "gateway_timeout")
