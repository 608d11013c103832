"""Waiting for conditions with a deadline: what all tests here share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

Eventually = Callable[..., Awaitable[Any]]


@pytest.fixture
def eventually() -> Eventually:
    """`await eventually(condition, within=5)`: its first true value; TimeoutError when there is none in time."""

    async def wait(condition: Callable[[], Any], *, within: float = 5.0) -> Any:
        async with asyncio.timeout(within):
            while True:
                value = condition()
                if value:
                    return value
                await asyncio.sleep(0.01)

    return wait
