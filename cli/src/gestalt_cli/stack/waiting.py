"""Waiting for something that tells nobody: a lock, a port, a socket that answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

STEP_SECONDS = 0.05


async def until(condition: Callable[[], bool], deadline: float) -> bool:
    """Whether `condition` came true before the moment `deadline` of the loop's clock; it is asked at least once."""
    loop = asyncio.get_running_loop()
    while not condition():
        if loop.time() >= deadline:
            return False
        await asyncio.sleep(STEP_SECONDS)
    return True
