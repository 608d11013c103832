"""A real Valkey, a receiver of webhooks, replicas as processes."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from gestalt_contracts.bus import Bus
from gestalt_contracts.channels import Names, Stream
from gestalt_contracts.events import Cause, Event, now
from gestalt_contracts.redis_bus import RedisBus
from gestalt_contracts.redis_client import create_redis

# For what tests share: their folders are no packages. contracts is beside every member, and has the server.
sys.path.insert(0, str(Path(__file__).parent))
sys.path.append(str(Path(__file__).parents[2] / "contracts" / "tests"))

from flow_process import Publish, Replica, Start
from receiver import Receiver
from valkey_server import Server


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    directory = Path(tempfile.mkdtemp(prefix="gestalt-"))  # short: a socket's path has 107 bytes
    running = Server(directory)
    running.start()
    yield running
    running.kill()
    shutil.rmtree(directory)


@pytest.fixture
async def client(server: Server) -> AsyncIterator[Redis]:
    """A client of an empty server."""
    await server.answers()
    client = create_redis(server.url, name="test")
    await client.flushall()
    yield client
    await client.aclose()


@pytest.fixture
def bus(client: Redis) -> Bus:
    return RedisBus(client, Names())


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as running:
        yield running


@pytest.fixture
async def replica(server: Server, client: Redis, tmp_path: Path) -> AsyncIterator[Start]:
    """Starts replicas, which share a workspace; all are gone at the end."""
    del client  # an empty server first
    running: list[Replica] = []

    async def start(**variables: str) -> Replica:
        running.append(Replica(server.url, tmp_path, **variables))
        await running[-1].start()
        return running[-1]

    yield start
    for one in running:
        await one.close()


@pytest.fixture
def publish(bus: Bus) -> Publish:
    """Publishes an event that flows may fire on."""

    async def send(
        kind: str = "file-change", topic: str = "file", *, at: datetime | None = None, depth: int = 0, **data: Any
    ) -> None:
        cause = Cause("earlier", depth) if depth else None
        event = Event(type=kind, topic=topic, occurred_at=at or now(), data=data, cause=cause)
        await bus.publish(Stream.EVENTS, event, intake=True)

    return send
