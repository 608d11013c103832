"""One running service for each test that asks for it, its folder the test's own."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import uvloop

sys.path.insert(0, str(Path(__file__).parent))  # for telemetry_world: test folders are not packages

from clickhouse_world import embedded
from telemetry_world import World, running

NUMBERS = count(1)


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop that the service runs on."""
    return {"uvloop": uvloop.new_event_loop}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """A service for tests that leave nothing behind."""
    async with running(tmp_path_factory.mktemp("shared")) as world:
        yield world


@pytest.fixture(scope="session")
def needs_clickhouse() -> None:
    if find_spec("chdb") is None:
        pytest.skip("no ClickHouse to test with: `make clickhouse` installs it")


@pytest.fixture(scope="session")
def clickhouse(needs_clickhouse: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a ClickHouse, without a database."""
    del needs_clickhouse
    with embedded(tmp_path_factory.mktemp("clickhouse")) as server:
        yield server.address


@pytest.fixture
def engine() -> str:
    """What keeps the world's records; a module of the contract suite names both."""
    return "segments"


@pytest.fixture
def kept_by(engine: str, request: pytest.FixtureRequest) -> dict[str, Any]:
    """The settings of that store: a folder, or a database, of the test's own."""
    if engine == "segments":
        return {}
    return {"telemetry_store": f"{request.getfixturevalue('clickhouse')}/test_{next(NUMBERS)}"}


@pytest_asyncio.fixture(loop_scope="module")
async def world(tmp_path: Path, kept_by: dict[str, Any]) -> AsyncIterator[World]:
    async with running(tmp_path, **kept_by) as world:
        yield world
