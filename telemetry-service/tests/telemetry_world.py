"""The service as it is deployed, in this process: real sockets, a real writer, an in-memory bus."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from gestalt_contracts.bus_memory import InMemoryBus
from gestalt_serving.event_socket import EventSocket
from gestalt_serving.server import Server, configured
from gestalt_telemetry.__main__ import GRACE_SECONDS
from gestalt_telemetry.app import Telemetry
from gestalt_telemetry.settings import Settings

TOKEN = "the internal token"
PROTOBUF, JSON = "application/x-protobuf", "application/json"
NS = 1_000_000_000


class NoHeartbeat:
    """Nobody listens."""

    async def beat(self, facts: Mapping[str, str]) -> None:
        assert facts["address"]

    async def leave(self) -> None:
        pass


class World:
    """What a test has: the service, its bus, a client."""

    def __init__(self, telemetry: Telemetry, bus: InMemoryBus, client: httpx.AsyncClient, folder: Path) -> None:
        self.telemetry, self.bus, self.client, self.folder = telemetry, bus, client, folder
        self.url = str(client.base_url)

    async def get(self, path: str, **query: object) -> Any:
        answer = await self.client.get(path, params={name: str(value) for name, value in query.items()})
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def send(self, signal: str, body: bytes, kind: str = PROTOBUF, **headers: str) -> httpx.Response:
        return await self.client.post(f"/v1/{signal}", content=body, headers={"content-type": kind, **headers})

    async def logs(self, *bodies: str, **more: Any) -> None:
        answer = await self.send("logs", export(*bodies, **more))
        assert (answer.status_code, answer.content) == (200, b"")

    async def bodies(self, **query: object) -> list[str]:
        return [one["body"]["stringValue"] for one in await self.get("/api/otel/logs", **query)]

    @asynccontextmanager
    async def events(self, path: str, **headers: str) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        async with self.client.stream("GET", path, headers=headers) as stream:
            assert stream.status_code == 200
            yield _events(stream)


async def _events(stream: httpx.Response) -> AsyncIterator[dict[str, Any]]:
    """Data of an SSE stream; each has its id twice."""
    number = ""
    async for line in stream.aiter_lines():
        if line.startswith("id: "):
            number = line.removeprefix("id: ")
        elif line.startswith("data: "):
            found = json.loads(line.removeprefix("data: "))
            assert found.get("id", "") == number
            number = ""
            yield found


async def upcoming(events: AsyncIterator[dict[str, Any]], count: int = 1) -> list[dict[str, Any]]:
    async with asyncio.timeout(5):
        return [await anext(events) for _ in range(count)]


def texts(records: list[dict[str, Any]]) -> list[str]:
    return [record["body"]["stringValue"] for record in records]


def export(
    *bodies: str,
    severity: int = 9,
    attributes: Mapping[str, str] | None = None,
    time: int = 0,
    trace: bytes = b"",
) -> bytes:
    """An OTLP request of log records."""
    request = ExportLogsServiceRequest()
    group = request.resource_logs.add()
    service = group.resource.attributes.add()
    service.key, service.value.string_value = "service.name", "a program"
    inner = group.scope_logs.add()
    for body in bodies:
        record = inner.log_records.add()
        record.body.string_value, record.severity_number, record.time_unix_nano = body, severity, time
        record.trace_id = trace
        for key, value in (attributes or {}).items():
            pair = record.attributes.add()
            pair.key, pair.value.string_value = key, value
    return request.SerializeToString()


def export_spans(*spans: tuple[str, int, int, int], trace: bytes = b"t" * 16) -> bytes:
    """An OTLP request of spans (name, id, parent, start in seconds), each of a second."""
    request = ExportTraceServiceRequest()
    inner = request.resource_spans.add().scope_spans.add()
    for name, id_, parent, start in spans:
        span = inner.spans.add()
        span.name, span.trace_id, span.span_id = name, trace, id_.to_bytes(8, "big")
        span.parent_span_id = parent.to_bytes(8, "big") if parent else b""
        span.start_time_unix_nano, span.end_time_unix_nano = start * NS, (start + 1) * NS
    return request.SerializeToString()


@asynccontextmanager
async def running(folder: Path, bus: InMemoryBus | None = None, **settings: Any) -> AsyncIterator[World]:
    """A service on `folder`."""
    bus = bus or InMemoryBus()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        telemetry = Telemetry(
            Settings(internal_token=TOKEN, data_dir=folder, **settings),
            address=address,
            bus=bus,
            heartbeat=NoHeartbeat(),
            session_name=_name,
        )
        ready = asyncio.Event()
        server = Server(
            configured(telemetry, ws=EventSocket, grace=GRACE_SECONDS), stop=telemetry.stopping.set, ready=ready.set
        )
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        await asyncio.wait({serving, asyncio.ensure_future(ready.wait())}, return_when=asyncio.FIRST_COMPLETED)
        client = httpx.AsyncClient(
            base_url=f"http://{address}",
            headers={"Authorization": f"Bearer {TOKEN}"},
            trust_env=False,
            timeout=20,
            verify=False,  # noqa: S501 - there is no TLS, and reading a machine's certificates takes longer than a test
        )
        async with client:
            yield World(telemetry, bus, client, folder)
        server.handle_exit(15, None)
        await serving


async def _name(uid: str) -> str:
    return f"name of {uid}"


Condition = Callable[[], Awaitable[bool] | bool]


async def eventually(condition: Condition, seconds: float = 5.0) -> None:
    """Wait until it holds. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while True:
            holds = condition()
            if await holds if isinstance(holds, Awaitable) else holds:
                return
            await asyncio.sleep(0.01)
