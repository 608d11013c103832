"""The gateway as a process: how it starts, refuses to start, and stops."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from gateway_world import DEADLINE, INTERNAL, Valkey, World, close_code, eventually, head_of

from gestalt_contracts.channels import Names
from gestalt_contracts.redis_client import create_redis
from gestalt_contracts.redis_directory import RedisDirectory

STOP_SECONDS = 3.0
UPGRADE = (
    b"GET /ws/session/uid-1 HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


class Process:
    """`python -m gestalt_gateway` with an environment of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.url = ""

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    async def ready(self) -> None:
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), DEADLINE)
        assert line.startswith(b"ready http://"), line
        self.url = line.decode().split()[1]

    async def refused(self) -> str:
        """Its one line on stderr, after exit code 1."""
        out, error = await asyncio.wait_for(self._process.communicate(), DEADLINE)
        assert (self._process.returncode, out) == (1, b"")
        (line,) = error.decode().splitlines()
        return line

    async def stopped(self, number: signal.Signals | None = signal.SIGTERM) -> float:
        """Seconds it took to end with exit code 0."""
        begun = time.monotonic()
        if number is not None:
            self._process.send_signal(number)
        assert await asyncio.wait_for(self._process.wait(), DEADLINE) == 0
        return time.monotonic() - begun

    async def end(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.communicate()


class Starter:
    """Starts processes and ends them with the test."""

    def __init__(self) -> None:
        self.started: list[Process] = []

    async def __call__(self, **variables: str) -> Process:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GESTALT_")}
        environment |= {"GESTALT_PORT": "0", "GESTALT_INTERNAL_TOKEN": INTERNAL, **variables}
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gestalt_gateway", env=environment, stdin=pipe, stdout=pipe, stderr=pipe
        )
        self.started.append(Process(process))
        return self.started[-1]


@pytest.fixture
async def start() -> AsyncIterator[Starter]:
    starter = Starter()
    yield starter
    for process in starter.started:
        await process.end()


async def test_listening_beyond_loopback_without_a_token_is_refused_in_one_line(start: Starter) -> None:
    line = await (await start(GESTALT_HOST="0.0.0.0", GESTALT_TOKEN="")).refused()  # noqa: S104 - refused
    assert line.startswith("gateway: listening on 0.0.0.0 without GESTALT_TOKEN")


async def test_sigterm_ends_streams_and_sockets_with_a_reason_within_three_seconds(
    start: Starter, valkey: Valkey, world: World
) -> None:
    client = create_redis(valkey.url, name="test")
    world.directory = RedisDirectory(client, Names())  # type: ignore[assignment]
    await world.session(await world.worker(StreamApp()))
    gateway = await start(REDIS_URL=valkey.url)
    await gateway.ready()
    async with httpx.AsyncClient(base_url=gateway.url) as asking:

        async def ready() -> bool:
            return bool((await asking.get("/readyz")).json()["ready"])

        await eventually(ready)
    sse, sse_writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    socket, socket_writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    sse_writer.write(b"GET /api/events/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
    socket_writer.write(UPGRADE)
    assert (await head_of(sse))[0] == 200
    assert (await head_of(socket))[0] == 101
    stopping = asyncio.create_task(gateway.stopped())
    assert await close_code(socket) == (1001, "server stopping")
    assert (await asyncio.wait_for(sse.read(), DEADLINE)).endswith(b"\r\n0\r\n\r\n"), "ended, not cut"
    socket_writer.write(b"\x88\x82\0\0\0\0\x03\xe9")
    assert await stopping < STOP_SECONDS
    sse_writer.close()
    socket_writer.close()
    await client.aclose()


class StreamApp:
    """A worker whose streams and sockets stay open."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
        else:
            headers = [(b"content-type", b"text/event-stream")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": b"retry: 5000\n\n", "more_body": True})
        while (await receive())["type"] not in {"http.disconnect", "websocket.disconnect"}:
            pass


async def test_it_serves_what_it_can_without_redis(start: Starter) -> None:
    gateway = await start(REDIS_URL="redis://127.0.0.1:1")
    await gateway.ready()
    async with httpx.AsyncClient(base_url=gateway.url) as asking:
        assert (await asking.get("/healthz")).status_code == 200
        ready = await asking.get("/readyz")
        assert (ready.status_code, ready.json()["checks"]["redis"]) == (503, "unreachable")
        assert (await asking.get("/api/sessions")).status_code == 503
    assert await gateway.stopped(signal.SIGINT) < STOP_SECONDS
