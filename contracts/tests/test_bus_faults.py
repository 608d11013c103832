"""What the Redis bus and directory promise when Redis is killed, restarted, emptied, frozen or cut off."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from redis.asyncio import Redis
from valkey_server import Server

from gestalt_contracts.bus import OLDEST, BusUnavailable, Entry, Reset, Subscription
from gestalt_contracts.channels import Names, Stream
from gestalt_contracts.directory import Change, DirectoryUnavailable
from gestalt_contracts.events import Event, now
from gestalt_contracts.redis_bus import RedisBus
from gestalt_contracts.redis_channel import Channel
from gestalt_contracts.redis_client import create_redis
from gestalt_contracts.redis_directory import RedisDirectory

NAMES = Names("test")
DEADLINE = 10.0

DURABLE = ("--appendonly", "yes", "--appendfsync", "always")
"""Under `everysec` Redis answers before it writes while a sync is under way: a kill at that moment loses the answer."""


NewServer = Callable[..., Server]


@asynccontextmanager
async def running(new_server: NewServer, *options: str) -> AsyncIterator[tuple[Server, Redis]]:
    server = new_server(*options)
    await server.answers()
    client = create_redis(server.url, name="test")
    try:
        yield server, client
    finally:
        await client.aclose()
        server.kill()


async def publish(bus: RedisBus, *words: object) -> list[str | None]:
    return [await bus.publish(Stream.EVENTS, Event(type=str(w), topic="test", occurred_at=now())) for w in words]


async def take(subscription: Subscription, number: int) -> list[Any]:
    async with asyncio.timeout(DEADLINE):
        items = [await anext(subscription) for _ in range(number)]
    return [item.event.type if isinstance(item, Entry) else item for item in items]


async def test_a_killed_redis_that_kept_its_data_loses_nothing(new_server: NewServer) -> None:
    async with running(new_server, *DURABLE) as (server, client):
        bus = RedisBus(client, NAMES)
        async with bus.subscribe(Stream.EVENTS) as one, bus.subscribe(Stream.EVENTS, OLDEST) as two:
            for restart in range(3):
                await publish(bus, f"before {restart}", f"last before {restart}")
                server.kill()
                with pytest.raises(BusUnavailable):
                    await publish(bus, "never")
                server.start()
                await server.answers()
                await publish(RedisBus(client, NAMES), f"after {restart}")
            everything = [f"{word} {n}" for n in range(3) for word in ("before", "last before", "after")]
            assert await take(one, 9) == everything
            assert await take(two, 9) == everything


async def test_a_killed_redis_that_lost_its_data_is_told_to_every_subscriber(new_server: NewServer) -> None:
    async with running(new_server, "--appendonly", "no") as (server, client):
        bus = RedisBus(client, NAMES)
        async with bus.subscribe(Stream.EVENTS) as one, bus.subscribe(Stream.EVENTS) as two:
            (cursor,) = await publish(bus, "before")
            assert await take(one, 1) == await take(two, 1) == ["before"]
            server.kill()
            server.start()
            await server.answers()
            assert await take(one, 1) == [Reset("lost", None)]
            await publish(bus, "after")
            assert await take(one, 1) == ["after"]
            assert (await take(two, 2))[1] == "after"
            async with bus.subscribe(Stream.EVENTS, cursor) as late:
                reset, first = await take(late, 2)
            assert (reset.reason, first) == ("lost", "after")


async def test_a_frozen_redis_is_unavailable_within_two_seconds_and_loses_nothing(new_server: NewServer) -> None:
    async with running(new_server) as (server, client):
        bus, directory = RedisBus(client, NAMES), RedisDirectory(client, NAMES)
        async with bus.subscribe(Stream.EVENTS) as subscription:
            await publish(bus, "a")
            server.pause()
            began = time.monotonic()
            outcomes = await asyncio.gather(publish(bus, "perhaps"), directory.sessions(), return_exceptions=True)
            assert [type(outcome) for outcome in outcomes] == [BusUnavailable, DirectoryUnavailable]
            assert time.monotonic() - began < 2.5
            server.go_on()
            await publish(bus, "b")
            given = await take(subscription, 2)
            given += await take(subscription, 1) if given[-1] != "b" else []
        assert [word for word in given if word != "perhaps"] == ["a", "b"]


async def test_subscribers_whose_connection_is_cut_again_and_again_miss_and_repeat_nothing(client: Redis) -> None:
    bus = RedisBus(client, NAMES)
    words = [str(number) for number in range(1_000)]

    async def publish_all() -> None:
        for word in words:
            await publish(bus, word)

    async with bus.subscribe(Stream.EVENTS) as subscription, asyncio.TaskGroup() as tasks:
        publishing = tasks.create_task(publish_all())
        while not publishing.done():
            await client.client_kill_filter(_type="pubsub")
            await asyncio.sleep(0)
        assert await take(subscription, len(words)) == words


async def test_followers_of_the_directory_look_at_everything_after_a_restart(new_server: NewServer) -> None:
    async with running(new_server) as (server, client):
        directory = RedisDirectory(client, NAMES)
        before = await directory.server_id()
        async with directory.changes() as changes:
            server.kill()
            server.start()
            async with asyncio.timeout(DEADLINE):
                assert await anext(changes) == Change()
        assert await directory.server_id() != before


async def test_what_cannot_be_looked_up_is_told_as_look_at_everything(new_server: NewServer) -> None:
    async with running(new_server) as (server, client):
        directory = RedisDirectory(client, NAMES)
        async with directory.changes() as changes:
            await client.publish(NAMES.summaries, '{"look":"u1"}')
            await client.publish(NAMES.summaries, "nonsense")
            assert await within(anext(changes)) == Change(removed="u1")
            assert await within(anext(changes)) == Change()
            await client.publish(NAMES.summaries, '{"worker":"w1"}')
            assert await within(anext(changes)) == Change()
            async with directory.changes() as others:
                await client.publish(NAMES.summaries, '{"look":"u2"}')
                assert await within(anext(others)) == Change(removed="u2")
            server.kill()
            assert await within(anext(changes)) == Change()


async def test_a_connection_that_died_in_silence_is_noticed_and_made_anew(new_server: NewServer) -> None:
    async with running(new_server) as (server, client):
        heard: asyncio.Queue[bytes] = asyncio.Queue()
        channel = Channel(
            client, "channel", lambda: heard.put_nowait(b"linked"), heard.put_nowait, quiet=0.01, patience=0.05
        )
        async with channel.listening():
            assert await within(heard.get()) == b"linked"
            server.pause()
            await within(lost(channel))
            server.go_on()
            assert await within(heard.get()) == b"linked"
            await client.publish("channel", "after")
            assert await within(heard.get()) == b"after"


async def test_a_subscription_stands_only_when_redis_says_so(new_server: NewServer) -> None:
    async with running(new_server) as (server, client):
        await client.ping()  # so that a connection is there, to which SUBSCRIBE is written without an answer
        server.pause()
        channel = Channel(client, "channel", lambda: None, lambda _: None)
        async with channel.listening():
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(channel.linked(), 0.2)
            assert not channel.is_linked
        server.go_on()


async def lost(channel: Channel) -> None:
    while channel.is_linked:  # noqa: ASYNC110 - a loss is nothing that anybody but this test waits for
        await asyncio.sleep(0.01)


async def within(waiting: Awaitable[Any]) -> Any:
    async with asyncio.timeout(DEADLINE):
        return await waiting
