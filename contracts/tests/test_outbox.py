"""What services tell about themselves: it never waits, it is bounded, and what is lost is counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from gestalt_contracts.bus import BusUnavailable, Entry
from gestalt_contracts.bus_memory import InMemoryBus
from gestalt_contracts.channels import Stream
from gestalt_contracts.service_logs import MOST_WAITING, SPANS, Outbox

DEADLINE = 5.0


class Flaky(InMemoryBus):
    """Away until somebody says otherwise."""

    away = True
    tried = 0

    async def publish(self, *args: Any, **more: Any) -> Any:
        self.tried += 1
        if self.away:
            raise BusUnavailable("away")
        return await super().publish(*args, **more)


@asynccontextmanager
async def publishing(outbox: Outbox, bus: InMemoryBus) -> AsyncIterator[None]:
    task = asyncio.create_task(outbox.publish_forever(bus))
    try:
        yield
    finally:
        task.cancel()


async def told(bus: InMemoryBus, count: int) -> list[Any]:
    items: list[Any] = []
    async with asyncio.timeout(DEADLINE), bus.subscribe(Stream.LOGS, "0-0") as entries:
        async for entry in entries:
            assert isinstance(entry, Entry)
            assert (entry.event.type, entry.event.data["instance"]) == (SPANS, "1")
            items += entry.event.data["spans"]
            if len(items) >= count:
                return items
    return items


async def test_what_the_bus_could_not_take_is_told_once_it_can_and_in_order() -> None:
    bus, outbox = Flaky(), Outbox("gateway", SPANS, "spans", "1")
    async with publishing(outbox, bus):
        for number in range(1_200):
            outbox.put(number)
        async with asyncio.timeout(DEADLINE):
            while not bus.tried:  # noqa: ASYNC110 - the bus is a plain object
                await asyncio.sleep(0.01)
        bus.away = False
        assert await told(bus, 1_200) == list(range(1_200))
    assert (outbox.waiting, outbox.dropped) == (0, 0)


async def test_beyond_its_bound_the_oldest_go_and_are_counted() -> None:
    bus, outbox = Flaky(), Outbox("gateway", SPANS, "spans", "1")
    for number in range(MOST_WAITING + 10):
        outbox.put(number)
    assert (outbox.waiting, outbox.dropped) == (MOST_WAITING, 10)
    bus.away = False
    async with publishing(outbox, bus):
        assert (await told(bus, MOST_WAITING))[0] == 10


async def test_what_another_thread_says_wakes_it() -> None:
    bus, outbox = Flaky(), Outbox("gateway", SPANS, "spans", "1")
    bus.away = False
    async with publishing(outbox, bus):
        await asyncio.sleep(0)
        await asyncio.to_thread(outbox.put, "from a thread")
        assert await told(bus, 1) == ["from a thread"]
