"""Fixtures of the worker's tests."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
import uvloop

sys.path.insert(0, str(Path(__file__).parent))  # for session_world: test folders are not packages

from session_world import Running, World, a_world


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop that workers run on: transports differ in what they do while paused or closing."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="session", autouse=True)
def _brisk() -> Iterator[None]:
    """What workers do once a second they do ten times a second here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gestalt_session.cluster.membership.RENEW_EVERY", 0.1)
        patch.setattr("gestalt_session.service.TIDY_SECONDS", 0.1)
        patch.setattr("gestalt_session.cluster.watchkeeper.RENEW_SECONDS", 0.1)
        yield


@pytest_asyncio.fixture(loop_scope="module")
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A world of its own for a test that disturbs it."""
    async with a_world(tmp_path) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """One world for all tests of a module."""
    async with a_world(tmp_path_factory.mktemp("world")) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def worker(shared: World) -> Running:
    """The worker of a module."""
    return await shared.start(url="http://127.0.0.1:57417")
