"""Waiting for what must come true: no fixed sleep, always a deadline, and a failure that says what was asked."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from contextlib import suppress
from typing import Any

DEADLINE = 5.0


async def eventually(condition: Callable[[], Any], *, within: float = DEADLINE) -> Any:
    """The first true value of `condition`, plain or async; AssertionError with the last one when there is none."""
    until = asyncio.get_running_loop().time() + within
    while True:
        value = condition()
        if value := await value if inspect.isawaitable(value) else value:
            return value
        assert asyncio.get_running_loop().time() < until, f"not within {within:g} s: {named(condition)}: {value!r}"
        await asyncio.sleep(0.005)


def named(condition: Callable[[], Any]) -> str:
    """The source of a condition, if it has one."""
    with suppress(OSError, TypeError):
        return inspect.getsource(condition).strip()
    return repr(condition)
