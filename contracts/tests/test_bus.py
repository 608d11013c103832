"""What every bus promises, memory and Redis alike."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from redis.asyncio import Redis

from gestalt_contracts.bus import OLDEST, Bus, BusUnavailable, Entry, Reset, Subscription
from gestalt_contracts.bus_memory import InMemoryBus
from gestalt_contracts.channels import Names, Stream
from gestalt_contracts.cursors import START, Place, place_of
from gestalt_contracts.events import Event, encode, now
from gestalt_contracts.redis_bus import PAGE, Feed, Page, RedisBus, RedisSubscription
from gestalt_contracts.redis_client import create_redis
from gestalt_contracts.redis_scripts import Scripts
from gestalt_contracts.window import ENTRIES

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


@pytest.fixture(params=["memory", "redis"])
def rig(request: pytest.FixtureRequest, client: Redis) -> Rig:
    return memory_rig() if request.param == "memory" else redis_rig(client)


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


@pytest.mark.parametrize("cursor", ["", "abc", "1-2-3", "-1", "9" * 30, f"{2**64}-0"])
async def test_a_malformed_cursor_is_told_and_everything_kept_follows(rig: Rig, cursor: str) -> None:
    first, _ = await rig.publish("a", "b")
    async with rig.subscribe(cursor) as subscription:
        assert await take(subscription, 3) == [Reset("malformed", first), "a", "b"]


async def test_a_malformed_cursor_into_an_empty_stream_names_no_oldest(rig: Rig) -> None:
    async with rig.subscribe("abc") as subscription:
        await rig.publish("a")
        assert await take(subscription, 2) == [Reset("malformed", None), "a"]


async def test_a_cursor_beyond_the_end_is_lost(rig: Rig) -> None:
    first, _ = await rig.publish("a", "b")
    async with rig.subscribe(f"{2**63}-0") as subscription:
        assert await take(subscription, 3) == [Reset("lost", first), "a", "b"]


async def test_a_cursor_that_was_never_given_is_lost(rig: Rig) -> None:
    first, second = await rig.publish("a", "b")
    place = place_of(first)
    assert place is not None
    assert place_of(second) != (place.milliseconds, place.sequence + 7)
    async with rig.subscribe(f"{place.milliseconds - 1}-7") as subscription:
        assert await take(subscription, 3) == [Reset("lost", first), "a", "b"]


async def test_a_cursor_into_a_stream_that_was_emptied_is_lost(rig: Rig) -> None:
    (cursor,) = await rig.publish("a")
    await rig.forget()
    async with rig.subscribe(cursor) as subscription:
        assert await take(subscription) == [Reset("lost", None)]
        await rig.publish("b")
        assert await take(subscription) == ["b"]


async def test_a_cursor_from_before_the_stream_was_emptied_is_lost_after_new_events_too(rig: Rig) -> None:
    cursor, _ = await rig.publish("a", "b")
    await rig.forget()
    (oldest,) = await rig.publish("c")
    async with rig.subscribe(cursor) as subscription:
        assert await take(subscription, 2) == [Reset("lost", oldest), "c"]


async def test_a_running_subscription_is_told_when_the_stream_was_emptied(rig: Rig) -> None:
    await rig.publish("a")
    async with rig.subscribe(OLDEST) as subscription:
        assert await take(subscription) == ["a"]
        await rig.forget()
        await rig.publish("b", "c")
        lost, *rest = await take(subscription, 3)
        assert lost.reason == "lost"
        assert rest == ["b", "c"]


async def test_a_cursor_that_was_trimmed_away_is_told_and_the_oldest_kept_follows(rig: Rig) -> None:
    ids = await rig.publish(*range(3 * KEPT))
    async with rig.subscribe(ids[0]) as subscription:
        reset, first = await take(subscription, 2)
    assert reset == Reset("trimmed", ids[int(first)])
    assert KEPT <= 3 * KEPT - int(first) <= KEPT + 100


async def test_a_cursor_at_the_last_trimmed_event_misses_nothing_and_is_not_told(rig: Rig) -> None:
    ids = await rig.publish(*range(3 * KEPT))
    async with rig.subscribe(OLDEST) as subscription:
        (oldest,) = await take(subscription)
    async with rig.subscribe(ids[int(oldest) - 1]) as subscription:
        assert await take(subscription) == [oldest]
    async with rig.subscribe(ids[int(oldest) - 2]) as subscription:
        assert await take(subscription) == [Reset("trimmed", ids[int(oldest)])]


async def test_a_subscriber_that_is_trimmed_while_it_sleeps_is_told(rig: Rig) -> None:
    async with rig.subscribe() as subscription:
        await rig.publish("a")
        assert await take(subscription) == ["a"]
        ids = await rig.publish(*range(ENTRIES + 3 * KEPT))
        seen = []
        while True:
            (item,) = await take(subscription)
            if isinstance(item, Reset):
                break
            seen.append(item)
        (first,) = await take(subscription)
        assert item == Reset("trimmed", ids[int(first)])
        assert seen == [str(number) for number in range(len(seen))]
        assert await take(subscription, len(ids) - int(first) - 1) == [str(n) for n in range(int(first) + 1, len(ids))]


async def test_without_a_cursor_only_what_comes_is_given(rig: Rig) -> None:
    await rig.publish("before")
    async with rig.subscribe() as subscription:
        await rig.publish("after")
        assert await take(subscription) == ["after"]


async def test_from_the_oldest_everything_kept_is_given_without_a_word(rig: Rig) -> None:
    await rig.publish(*range(3 * KEPT))
    async with rig.subscribe(OLDEST) as subscription:
        (first,) = await take(subscription)
        assert int(first) > 0
        rest = await take(subscription, 3 * KEPT - int(first) - 1)
    assert rest == [str(number) for number in range(int(first) + 1, 3 * KEPT)]


async def test_a_cursor_continues_after_its_event_into_the_present(rig: Rig) -> None:
    _, second, _ = await rig.publish("a", "b", "c")
    async with rig.subscribe(second) as subscription:
        await rig.publish("d")
        assert await take(subscription, 2) == ["c", "d"]
        await rig.publish("e")
        assert await take(subscription) == ["e"]


async def test_the_cursor_of_the_newest_event_gives_nothing_old(rig: Rig) -> None:
    (newest,) = await rig.publish("a")
    async with rig.subscribe(newest) as subscription:
        assert await is_silent(rig, subscription)


async def test_a_wait_that_is_cancelled_loses_nothing(rig: Rig) -> None:
    async with rig.subscribe() as subscription:
        given: list[str] = []
        for word in ("a", "b", "c"):
            waiting = asyncio.ensure_future(take(subscription))
            await asyncio.sleep(0)
            waiting.cancel()
            (outcome,) = await asyncio.gather(waiting, return_exceptions=True)
            given += outcome if isinstance(outcome, list) else []
            await rig.publish(word)
        assert [*given, *await take(subscription, 3 - len(given))] == ["a", "b", "c"]


async def test_streams_do_not_mix(rig: Rig) -> None:
    async with rig.subscribe() as subscription:
        await rig.publish("log", stream=Stream.LOGS)
        assert await is_silent(rig, subscription)


async def test_every_subscriber_gets_every_event_in_one_order_with_rising_ids(rig: Rig) -> None:
    async with rig.subscribe() as one, rig.subscribe() as two:
        buses = [rig.bus, rig.other]
        given = await asyncio.gather(*(buses[n % 2].publish(Stream.EVENTS, event(n)) for n in range(KEPT)))
        async with asyncio.timeout(DEADLINE):
            first = [await anext(one) for _ in range(KEPT)]
            second = [await anext(two) for _ in range(KEPT)]
    assert first == second
    places = [place_of(item.id) or (0, 0) for item in first if isinstance(item, Entry)]
    assert places == sorted(set(places))
    assert {str(id_) for id_ in given} == {item.id for item in first if isinstance(item, Entry)}


async def test_an_event_seen_before_is_published_once(rig: Rig) -> None:
    async with rig.subscribe() as subscription:
        seen = NAMES.seen("uid", "event")
        ids = await asyncio.gather(*(rig.bus.publish(Stream.EVENTS, event("a"), seen=seen) for _ in range(20)))
        assert sum(id_ is not None for id_ in ids) == 1
        assert await rig.bus.publish(Stream.EVENTS, event("b"), seen=NAMES.seen("uid", "other")) is not None
        assert await take(subscription, 2) == ["a", "b"]


async def test_what_flows_may_fire_on_lies_in_the_intake_too(rig: Rig) -> None:
    await rig.publish("not for flows")
    id_ = await rig.bus.publish(Stream.EVENTS, event("a"), intake=True)
    assert await rig.intake() == [id_]


async def test_the_intake_is_capped(rig: Rig) -> None:
    for number in range(2 * KEPT):
        await rig.bus.publish(Stream.EVENTS, event(number), intake=True)
    assert KEPT <= len(await rig.intake()) <= KEPT + 100


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


async def test_a_bus_that_is_away_says_so() -> None:
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
