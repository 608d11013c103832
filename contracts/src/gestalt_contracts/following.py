"""Following a subscription for a client: events, a sign of life when nothing comes, the end when the server stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from gestalt_contracts.bus import Bus, Entry, Reset
from gestalt_contracts.channels import Stream


async def follow(
    bus: Bus, stream: Stream, after: str | None, stopping: asyncio.Event, *, pulse: float
) -> AsyncIterator[Entry | Reset | None]:
    """Yield None once the subscription is confirmed, then entries and resets, None every `pulse` seconds without any.

    Ends when `stopping` is set. Raises BusUnavailable before the first item.
    """
    async with bus.subscribe(stream, after) as subscription:
        yield None
        async for item in interleave(subscription, stopping, pulse=pulse):
            yield item


async def interleave(items: AsyncIterator[Any], stopping: asyncio.Event, *, pulse: float) -> AsyncIterator[Any]:
    """What `items` yields, None after each `pulse` seconds of silence, and an end when `stopping` is set."""
    halt = asyncio.ensure_future(stopping.wait())
    upcoming = asyncio.ensure_future(_next(items))
    try:
        while not stopping.is_set():
            await asyncio.wait({halt, upcoming}, timeout=pulse, return_when=asyncio.FIRST_COMPLETED)
            if halt.done():
                return
            if not upcoming.done():
                yield None
                continue
            item = upcoming.result()
            upcoming = asyncio.ensure_future(_next(items))
            yield item
    except StopAsyncIteration:
        return
    finally:
        halt.cancel()
        upcoming.cancel()
        await asyncio.gather(halt, upcoming, return_exceptions=True)


async def _next(items: AsyncIterator[Any]) -> Any:
    return await anext(items)
