"""Stacks for the tests of the whole system."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support.stack import Stack

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
