"""A real Valkey for the tests."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from gestalt_contracts.redis_client import create_redis

sys.path.insert(0, str(Path(__file__).parent))  # for what the tests share: test folders are not packages

import directory_rig
from valkey_server import Server


@pytest.fixture(scope="session")
def new_server() -> Iterator[Callable[..., Server]]:
    """Makes servers; their directories have short names, since a socket's path has 107 bytes."""
    servers: list[Server] = []
    directories: list[Path] = []

    def make(*options: str) -> Server:
        directories.append(Path(tempfile.mkdtemp(prefix="gestalt-")))
        servers.append(Server(directories[-1], *options))
        servers[-1].start()
        return servers[-1]

    yield make
    for server in servers:
        server.kill()
    for directory in directories:
        shutil.rmtree(directory)


@pytest.fixture(scope="session")
def shared_server(new_server: Callable[..., Server]) -> Server:
    return new_server()


@pytest.fixture
async def client(shared_server: Server) -> AsyncIterator[Redis]:
    """A client of an empty server."""
    await shared_server.answers()
    client = create_redis(shared_server.url, name="test")
    await client.flushall()
    yield client
    await client.aclose()


@pytest.fixture(params=["memory", "redis"])
def rig(request: pytest.FixtureRequest, client: Redis) -> directory_rig.Rig:
    """A directory of each kind."""
    return directory_rig.memory_rig() if request.param == "memory" else directory_rig.redis_rig(client)
