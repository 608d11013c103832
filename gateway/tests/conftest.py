"""Fixtures of the gateway's tests."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import uvloop

sys.path.insert(0, str(Path(__file__).parent))  # for gateway_world: test folders are not packages

from gateway_world import Valkey, World, a_world


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop the gateway runs on: transports differ in what they do while paused or closing."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gestalt_gateway.live_directory.LEASES_EVERY", 0.05)


@pytest.fixture
async def world(_often: None) -> AsyncIterator[World]:
    """Gateways and workers, taken down at the end."""
    async with a_world() as made:
        yield made


@pytest.fixture
async def valkey() -> AsyncIterator[Valkey]:
    """A Redis that keeps nothing."""
    with tempfile.TemporaryDirectory() as folder:
        server = Valkey(folder)
        await server.start()
        yield server
        server.kill()
