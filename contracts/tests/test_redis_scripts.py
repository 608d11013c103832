from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError
from valkey_server import Server

from gestalt_contracts.redis_client import create_redis
from gestalt_contracts.redis_scripts import BATCH, Scripts


async def hold(scripts: Scripts, task: object, holder: str = "me") -> Any:
    return await scripts.run("hold", [f"lease {task}"], [holder, 60_000])


async def test_a_mistake_of_one_caller_is_told_to_that_one_alone(client: Redis) -> None:
    scripts = Scripts(client)
    await client.sadd("lease 1", "no string")
    outcomes = await asyncio.gather(*(hold(scripts, n) for n in range(3)), return_exceptions=True)
    assert (outcomes[0], type(outcomes[1]), outcomes[2]) == (1, ResponseError, 1)


async def test_when_redis_is_not_there_every_caller_is_told() -> None:
    client = create_redis("unix:///nowhere/at/all", name="test")
    scripts = Scripts(client)
    outcomes = await asyncio.gather(*(hold(scripts, n) for n in range(3)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [RedisConnectionError] * 3
    await client.aclose()


async def test_callers_are_answered_each_with_its_own_in_one_connection(client: Redis) -> None:
    scripts, number = Scripts(client), 5 * BATCH + 1
    await asyncio.gather(*(hold(scripts, n, "other") for n in range(0, number, 2)))
    outcomes = await asyncio.gather(*(hold(scripts, n) for n in range(number)))
    assert outcomes == [n % 2 for n in range(number)]
    assert len(await client.client_list()) <= 2


async def test_a_script_that_the_server_forgot_is_sent_again(client: Redis) -> None:
    scripts = Scripts(client)
    assert await hold(scripts, 1) == 1
    await client.script_flush()
    assert await hold(scripts, 1, "other") == 0


async def test_a_caller_cancelled_before_its_turn_has_sent_nothing(client: Redis) -> None:
    scripts = Scripts(client)
    calling = asyncio.ensure_future(hold(scripts, 1))
    await asyncio.sleep(0)
    calling.cancel()
    assert await hold(scripts, 2) == 1
    assert await client.exists("lease 1") == 0


async def test_callers_cancelled_at_any_moment_leave_the_others_their_answers(client: Redis) -> None:
    scripts = Scripts(client)
    await hold(scripts, "odd", "other")
    for turns in range(30):
        cancelled = asyncio.ensure_future(hold(scripts, "odd"))
        others = asyncio.gather(hold(scripts, "even"), hold(scripts, "odd"))
        for _ in range(turns):
            await asyncio.sleep(0)
        cancelled.cancel()
        assert await others == [1, 0]


async def test_a_server_that_dies_fails_who_waits_and_the_next_begins_anew(new_server: Callable[..., Server]) -> None:
    server = new_server()
    await server.answers()
    client = create_redis(server.url, name="test")
    scripts = Scripts(client)
    assert await hold(scripts, 1) == 1
    server.pause()
    waiting = [asyncio.ensure_future(hold(scripts, n)) for n in range(3)]
    await asyncio.sleep(0)
    server.kill()
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [RedisConnectionError] * 3
    with pytest.raises(RedisConnectionError):
        await hold(scripts, 1)
    await client.aclose()
