"""What may happen to a system while it works."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from gestalt_contracts.redis_client import create_redis
from tests.support import processes
from tests.support.stack import Stack

Fault = Callable[[Stack], Awaitable[None]]


async def flushed(stack: Stack) -> None:
    """Redis forgets everything."""
    client = create_redis(stack.redis_url(), name="test")
    await client.flushall()
    await client.aclose()


async def redis_killed(stack: Stack) -> None:
    """Redis dies."""
    processes.kill(stack.redis_pid())


async def worker_killed(stack: Stack) -> None:
    """A session worker dies."""
    processes.kill(stack.worker_pids()[0])


async def gateway_killed(stack: Stack) -> None:
    """The gateway dies."""
    processes.kill(stack.gateway_pids()[0])
