"""What every bus promises, memory and Redis alike."""

from __future__ import annotations

import asyncio

import pytest
from bus_rig import DEADLINE, KEPT, NAMES, Rig, event, is_silent, memory_rig, redis_rig, take
from redis.asyncio import Redis

from gestalt_contracts.bus import OLDEST, Entry, Reset
from gestalt_contracts.channels import Stream
from gestalt_contracts.cursors import place_of
from gestalt_contracts.window import ENTRIES


@pytest.fixture(params=["memory", "redis"])
def rig(request: pytest.FixtureRequest, client: Redis) -> Rig:
    return memory_rig() if request.param == "memory" else redis_rig(client)


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
