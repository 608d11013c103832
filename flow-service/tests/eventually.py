"""Waiting for what must become true."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any


async def eventually(condition: Callable[[], Any | Awaitable[Any]], seconds: float = 10.0, what: str = "it") -> Any:
    """What `condition` gives once it is true. Raises AssertionError at the deadline."""
    until = time.monotonic() + seconds
    while True:
        found = condition()
        if inspect.isawaitable(found):
            found = await found
        if found:
            return found
        assert time.monotonic() < until, f"{what} did not come true within {seconds} s"
        await asyncio.sleep(0.01)
