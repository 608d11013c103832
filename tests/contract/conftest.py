"""One running system for all tests of a module."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.client import Api
from tests.support.stack import Stack


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> AsyncIterator[Stack]:
    """`gestalt up` with two workers; a module may set TOKEN."""
    token = getattr(request.module, "TOKEN", "")
    async with Stack(tmp_path_factory.mktemp("system"), workers=2, token=token) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(system: Stack) -> AsyncIterator[Api]:
    """A client of it."""
    async with system.api() as client:
        yield client
