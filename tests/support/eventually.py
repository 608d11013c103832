"""Waiting for what must come true: no fixed sleep, always a deadline, and a failure that says what was seen last."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

import httpx

T = TypeVar("T")
STEP_SECONDS = 0.01


@overload
async def eventually(condition: Callable[[], Awaitable[T]], deadline: float = 5.0, *, what: str = "") -> T: ...


@overload
async def eventually(condition: Callable[[], T], deadline: float = 5.0, *, what: str = "") -> T: ...


async def eventually(condition: Callable[[], Any], deadline: float = 5.0, *, what: str = "") -> Any:
    """The first true value of `condition` (plain or async) within `deadline` seconds.

    While it raises AssertionError, OSError, LookupError or an HTTP error it counts as not yet true. Raises
    AssertionError with the last value or exception when the time is over.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + deadline
    while True:
        last: object
        try:
            answer = condition()
            left = max(STEP_SECONDS, until - loop.time())
            value = await asyncio.wait_for(answer, left) if isinstance(answer, Awaitable) else answer
            if value:
                return value
            last = value
        except (AssertionError, OSError, LookupError, httpx.HTTPError) as error:
            last = error
        if loop.time() >= until:
            raise AssertionError(f"not within {deadline:g} s: {what or named(condition)}; last: {last!r}")
        await asyncio.sleep(STEP_SECONDS)


def named(condition: Callable[[], Any]) -> str:
    """What a condition asks: its source, if it has one of its own."""
    try:
        return inspect.getsource(condition).strip()
    except (OSError, TypeError):
        return repr(condition)
