"""Stacks for the tests of the whole system: one for each test, or one for all tests of a module."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.support.client import Api
from tests.support.scheduling import OneMeasuredAtATime
from tests.support.stack import Stack

ASKED_FOR = ("slow", "docker")
"""Marks of tests that only run when they are asked for, by `-m` or, for the slow ones, by GESTALT_SLOW_TESTS=1."""


def pytest_configure() -> None:
    """What a shell has its background jobs or nohup ignore is not ignored by what tests start."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what was not asked for."""
    asked = f"{config.option.markexpr} {'slow' if os.environ.get('GESTALT_SLOW_TESTS') == '1' else ''}"
    unwanted = [mark for mark in ASKED_FOR if mark not in asked]
    left = [item for item in items if any(item.get_closest_marker(mark) for mark in unwanted)]
    config.hook.pytest_deselected(items=left)
    items[:] = [item for item in items if item not in left]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneMeasuredAtATime:
    """For `make test`, which has two workers."""
    return OneMeasuredAtATime(config, log)


Starts = Callable[..., Awaitable[Stack]]


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Starts]:
    """`await stack(workers=2, …)` starts one; a second call another one, on a workspace of its own."""
    async with AsyncExitStack() as started:
        count = 0

        async def start(**options: Any) -> Stack:
            nonlocal count
            count += 1
            return await started.enter_async_context(Stack(tmp_path / f"stack-{count}", **options))

        yield start


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> AsyncIterator[Stack]:
    """`gestalt up` with two workers, for tests that leave it as they found it; a module may set TOKEN."""
    token = getattr(request.module, "TOKEN", "")
    async with Stack(tmp_path_factory.mktemp("system"), workers=2, token=token) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(system: Stack) -> AsyncIterator[Api]:
    """A client of it."""
    async with system.api() as client:
        yield client
