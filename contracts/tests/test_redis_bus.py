"""What the bus over Redis does beyond what every bus promises."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from bus_rig import DEADLINE, NAMES, event, take
from redis.asyncio import Redis

from gestalt_contracts.bus import OLDEST, Bus, BusUnavailable, Reset
from gestalt_contracts.bus_memory import InMemoryBus
from gestalt_contracts.channels import Stream
from gestalt_contracts.cursors import START, Place
from gestalt_contracts.events import encode
from gestalt_contracts.redis_bus import PAGE, Feed, Page, RedisBus, RedisSubscription
from gestalt_contracts.redis_client import create_redis
from gestalt_contracts.redis_scripts import Scripts
from gestalt_contracts.window import ENTRIES


async def test_subscribers_that_fall_behind_the_window_miss_nothing(client: Redis) -> None:
    bus = RedisBus(client, NAMES)
    async with bus.subscribe(Stream.EVENTS) as slow, bus.subscribe(Stream.EVENTS) as quick:
        for number in range(2 * ENTRIES):
            await bus.publish(Stream.EVENTS, event(number))
        everything = [str(number) for number in range(2 * ENTRIES)]
        assert await take(quick, 2 * ENTRIES) == everything
        assert await take(slow, 2 * ENTRIES) == everything
        await bus.publish(Stream.EVENTS, event("end"))
        assert await take(slow) == await take(quick) == ["end"]


async def test_a_stream_that_begins_anew_under_an_earlier_clock_is_told(client: Redis) -> None:
    bus, key = RedisBus(client, NAMES), NAMES.stream(Stream.EVENTS)
    async with bus.subscribe(Stream.EVENTS) as subscription:
        late = str(await client.xadd(key, {"before": "0-0", "event": encode(event("late"))}, id=f"{2**50}-0"), "ascii")
        await client.publish(key, b"0-0 %s %s" % (late.encode(), encode(event("late"))))
        assert await take(subscription) == ["late"]
        waiting = asyncio.ensure_future(take(subscription, 2))
        await caught_up(subscription)
        await client.flushall()
        id_ = await bus.publish(Stream.EVENTS, event("early"))
        assert await waiting == [Reset("lost", id_), "early"]


async def caught_up(subscription: Any) -> None:
    async with asyncio.timeout(DEADLINE):
        while subscription._link != subscription._feed.link:  # noqa: ASYNC110 - nobody else waits for that
            await asyncio.sleep(0)


async def test_a_reader_asks_once_and_then_waits_while_redis_is_away() -> None:
    reads = 0

    class Counting(Feed):
        async def read(self, after: Place, entries: int = PAGE) -> Page:
            nonlocal reads
            reads += 1
            raise BusUnavailable(f"{after} {entries}")

    client = create_redis("unix:///nowhere/at/all", name="test")
    feed = Counting(client, Scripts(client), NAMES, Stream.EVENTS)
    feed.link = 1
    waiting = asyncio.ensure_future(take(RedisSubscription(feed, START, None)))
    for _ in range(20):
        await asyncio.sleep(0)
    assert reads == 1
    feed.bell.ring()
    for _ in range(20):
        await asyncio.sleep(0)
    assert reads == 2
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await client.aclose()


async def test_a_connection_made_anew_while_the_stream_is_read_is_not_overlooked(client: Redis) -> None:
    class RelinkedOnce(Feed):
        async def read(self, after: Place, entries: int = PAGE) -> Page:
            page = await super().read(after, entries)
            if self.link == 1:
                await RedisBus(client, NAMES).publish(Stream.EVENTS, event("missed"))
                self.link = 2
            return page

    feed = RelinkedOnce(client, Scripts(client), NAMES, Stream.EVENTS)
    feed.link = 1
    assert await take(RedisSubscription(feed, START, None)) == ["missed"]


async def test_one_connection_serves_all_subscribers_of_a_stream_and_ends_with_the_last(client: Redis) -> None:
    bus = RedisBus(client, NAMES)
    async with bus.subscribe(Stream.EVENTS), bus.subscribe(Stream.EVENTS), bus.subscribe(Stream.LOGS):
        assert await subscribers(client) == [1, 1, 0]
    async with bus.subscribe(Stream.EVENTS):
        assert await subscribers(client) == [1, 0, 0]


async def subscribers(client: Redis) -> list[int]:
    answer = await client.pubsub_numsub(*(NAMES.stream(stream) for stream in Stream))
    return [number for _, number in answer]


async def test_what_is_no_event_is_skipped(client: Redis) -> None:
    bus = RedisBus(client, NAMES)
    key = NAMES.stream(Stream.EVENTS)
    id_ = await bus.publish(Stream.EVENTS, event("a"))
    async with bus.subscribe(Stream.EVENTS, OLDEST) as subscription:
        assert await take(subscription) == ["a"]
        poison = await client.xadd(key, {"before": id_ or "", "event": b"{"})
        await client.publish(key, f"{id_} {str(poison, 'ascii')} {{")
        await bus.publish(Stream.EVENTS, event("b"))
        assert await take(subscription) == ["b"]
    async with bus.subscribe(Stream.EVENTS, OLDEST) as subscription:
        assert await take(subscription, 2) == ["a", "b"]


async def test_what_the_intake_drops_is_counted(client: Redis) -> None:
    bus = RedisBus(client, NAMES, intake_kept=100)
    for number in range(400):
        await bus.publish(Stream.EVENTS, event(number), intake=True)
    dropped = int(await client.get(NAMES.intake_dropped) or 0)
    assert dropped + await client.xlen(NAMES.intake) == 400
    assert dropped >= 100


async def test_the_group_of_the_intake_is_there_from_the_first_event(client: Redis) -> None:
    bus = RedisBus(client, NAMES)
    await bus.publish(Stream.EVENTS, event("a"), intake=True)
    await bus.publish(Stream.EVENTS, event("b"), intake=True)
    ((_, entries),) = await client.xreadgroup("flow", "consumer", {NAMES.intake: ">"})
    assert [fields[b"event"].startswith(b'{"type":') for _, fields in entries] == [True, True]


async def test_a_bus_that_is_away_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gestalt_contracts.redis_channel.CALL_SECONDS", 0.5)
    memory = InMemoryBus()
    memory.away = True
    client = create_redis("unix:///nowhere/at/all", name="test")
    for bus in (memory, RedisBus(client, NAMES)):
        outcomes = await asyncio.gather(bus.publish(Stream.EVENTS, event("a")), subscribe(bus), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [BusUnavailable] * 2
    await client.aclose()


async def subscribe(bus: Bus) -> None:
    async with bus.subscribe(Stream.EVENTS):
        pass
