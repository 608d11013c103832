"""Whatever happens to a subscriber and its stream, each event is given once, in order, or a Reset tells of the gap."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis
from valkey_server import Server

from gestalt_contracts.bus import OLDEST, Bus, Entry, Reset
from gestalt_contracts.bus_memory import InMemoryBus
from gestalt_contracts.channels import Names, Stream
from gestalt_contracts.events import Event, now
from gestalt_contracts.redis_bus import RedisBus
from gestalt_contracts.redis_client import create_redis

KEPT = 100
NAMES = Names("histories")
DEADLINE = 10.0

Act = tuple[Literal["publish", "read"], int] | tuple[Literal["cut", "resume", "forget"], None]

acts = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), st.integers(1, 8) | st.integers(100, 260)),
        st.tuples(st.just("read"), st.integers(1, 60)),
        st.tuples(st.sampled_from(["cut", "resume", "forget"]), st.none()),
    ),
    max_size=12,
)


class History:
    """Plays acts against a bus and checks what a reader is given."""

    def __init__(self, bus: Bus, cut: Callable[[], Awaitable[Any]], forget: Callable[[], Awaitable[Any]]) -> None:
        self.bus = bus
        self.cut = cut
        self.forget = forget
        self.published = 0
        self.forgotten = False
        self.cursor: str = OLDEST
        self.given = -1  # the number of the last event given
        self.reset = False  # a Reset came since

    async def play(self, history: list[Act]) -> None:
        remaining = list(history)
        while remaining:
            async with self.bus.subscribe(Stream.EVENTS, self.cursor) as subscription:
                while remaining and remaining[0][0] != "resume":
                    await self.act(subscription, *remaining.pop(0))
                remaining = remaining[1:]
        await self.publish(1)
        async with self.bus.subscribe(Stream.EVENTS, self.cursor) as subscription:
            while self.given < self.published - 1:
                await self.read(subscription)

    async def act(self, subscription: Any, kind: str, number: int | None) -> None:
        match kind, number:
            case "publish", int(count):
                await self.publish(count)
            case "read", int(count):
                for _ in range(count):
                    if self.given < self.published - 1:
                        await self.read(subscription)
            case "cut", _:
                await self.cut()
            case "forget", _:
                self.forgotten = True
                await self.forget()
                await self.publish(1)

    async def publish(self, count: int) -> None:
        for _ in range(count):
            await self.bus.publish(Stream.EVENTS, Event(type=str(self.published), topic="test", occurred_at=now()))
            self.published += 1

    async def read(self, subscription: Any) -> None:
        async with asyncio.timeout(DEADLINE):
            item: Entry | Reset = await anext(subscription)
        if isinstance(item, Reset):
            assert item.reason in ({"trimmed", "lost"} if self.forgotten else {"trimmed"})
            self.reset = True
            return
        number = int(item.event.type)
        assert number > self.given
        assert number == self.given + 1 or self.reset or self.cursor == OLDEST
        self.cursor, self.given, self.reset = item.id, number, False


@settings(max_examples=60, deadline=None)
@given(acts)
def test_in_memory(history: list[Act]) -> None:
    async def play() -> None:
        bus = InMemoryBus(dict.fromkeys(Stream, KEPT))

        async def forget() -> None:
            bus.forget()

        await History(bus, cut=nothing, forget=forget).play(history)

    asyncio.run(play())


async def nothing() -> None:
    pass


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=acts)
@pytest.mark.usefixtures("client")
def test_over_redis(shared_server: Server, history: list[Act]) -> None:
    async def play() -> None:
        client: Redis = create_redis(shared_server.url, name="histories")
        await client.flushall()

        async def cut() -> None:
            await client.client_kill_filter(_type="pubsub")

        bus = RedisBus(client, NAMES, kept=dict.fromkeys(Stream, KEPT))
        await History(bus, cut=cut, forget=client.flushall).play(history)
        await client.aclose()

    asyncio.run(play())
