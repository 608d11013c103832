"""A bus, memory or Redis, and what befalls it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from redis.asyncio import Redis

from gestalt_contracts.bus import Bus, Entry, Subscription
from gestalt_contracts.bus_memory import InMemoryBus
from gestalt_contracts.channels import Names, Stream
from gestalt_contracts.events import Event, now
from gestalt_contracts.redis_bus import RedisBus

KEPT = 200  # Redis trims whole nodes of a hundred entries
NAMES = Names("test")
DEADLINE = 10.0


class Rig:
    """A bus, a second one as another process would have it, and what befalls them."""

    def __init__(
        self, bus: Bus, other: Bus, forget: Callable[[], Awaitable[Any]], intake: Callable[[], Awaitable[list[str]]]
    ) -> None:
        self.bus = bus
        self.other = other
        self.forget = forget
        self.intake = intake

    async def publish(self, *words: object, stream: Stream = Stream.EVENTS) -> list[str]:
        return [await self.bus.publish(stream, event(word)) or "" for word in words]

    def subscribe(self, after: str | None = None) -> Any:
        return self.other.subscribe(Stream.EVENTS, after)


def event(word: object) -> Event:
    return Event(type=str(word), topic="test", occurred_at=now())


async def take(subscription: Subscription, number: int = 1) -> list[Any]:
    """The next items: the type of an event, a Reset as it is."""
    async with asyncio.timeout(DEADLINE):
        items = [await anext(subscription) for _ in range(number)]
    return [item.event.type if isinstance(item, Entry) else item for item in items]


async def is_silent(rig: Rig, subscription: Subscription) -> bool:
    """Whether nothing comes before what is published now."""
    await rig.publish("end")
    return await take(subscription) == ["end"]


def redis_rig(client: Redis) -> Rig:
    kept = dict.fromkeys(Stream, KEPT)

    async def intake() -> list[str]:
        return [str(fields[b"id"], "ascii") for _, fields in await client.xrange(NAMES.intake)]

    bus = RedisBus(client, NAMES, kept=kept, intake_kept=KEPT)
    return Rig(bus, RedisBus(client, NAMES, kept=kept), client.flushall, intake)


def memory_rig() -> Rig:
    bus = InMemoryBus(dict.fromkeys(Stream, KEPT), KEPT)

    async def forget() -> None:
        bus.forget()

    async def intake() -> list[str]:
        return [entry.id for entry in bus.intake]

    return Rig(bus, bus, forget, intake)
