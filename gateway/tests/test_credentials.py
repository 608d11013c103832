"""Both stores of login sessions and tickets under one suite, and what a Redis that goes away does to them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from gateway_world import Valkey, eventually

from gestalt_contracts.channels import Names
from gestalt_contracts.redis_client import create_redis
from gestalt_gateway.credentials import Credentials, CredentialsUnavailable, InMemoryCredentials, digest
from gestalt_gateway.credentials_redis import RedisCredentials
from gestalt_gateway.services import FixedServices
from gestalt_gateway.services_redis import RedisServices

Gateways = Callable[[], Credentials]


@asynccontextmanager
async def redis_gateways(valkey: Valkey) -> AsyncIterator[Gateways]:
    clients = []

    def make() -> Credentials:
        clients.append(create_redis(valkey.url, name="test"))
        return RedisCredentials(clients[-1], Names("test"), login_seconds=60)

    yield make
    for client in clients:
        await client.aclose()


@pytest.fixture(params=["memory", "redis"])
async def gateways(request: pytest.FixtureRequest, valkey: Valkey) -> AsyncIterator[Gateways]:
    """Makes the credentials of one more gateway."""
    if request.param == "memory":
        shared = InMemoryCredentials()
        yield lambda: shared
        return
    async with redis_gateways(valkey) as make:
        yield make


@asynccontextmanager
async def following(credentials: Credentials) -> AsyncIterator[list[str]]:
    told: list[str] = []
    task = asyncio.create_task(credentials.follow(told.append))
    await asyncio.sleep(0)
    yield told
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_made_up_cookie_or_ticket_is_nobodys(gateways: Gateways) -> None:
    store = gateways()
    assert await store.login("made up") is None
    assert await store.redeem("made up") is None
    await store.close_login("made up")


async def test_a_login_is_known_to_every_gateway_until_its_logout_is_told(gateways: Gateways) -> None:
    one, two = gateways(), gateways()
    async with following(one) as told_one, following(two) as told_two:
        cookie = await one.open_login()
        credential = await two.login(cookie)
        assert credential == f"login:{digest(cookie)}" == await one.login(cookie)
        await one.close_login(cookie)
        await eventually(lambda: credential in told_one and credential in told_two)
        assert await one.login(cookie) is None
        assert await two.login(cookie) is None


async def test_a_ticket_stands_for_its_credential_once(gateways: Gateways) -> None:
    ticket = await gateways().issue_ticket("token")
    other = gateways()
    assert await other.redeem(ticket) == "token"
    assert await other.redeem(ticket) is None


async def test_only_hashes_are_kept(valkey: Valkey) -> None:
    async with redis_gateways(valkey) as make:
        store = make()
        secrets = [await store.open_login(), await store.issue_ticket("token")]
        client = create_redis(valkey.url, name="look")
        keys = [key.decode() async for key in client.scan_iter()]
        values = [await client.get(key) for key in keys]
        await client.aclose()
    assert len(keys) == 2
    assert not any(secret in f"{keys} {values}" for secret in secrets)


async def test_while_redis_is_away_a_seen_login_holds_and_an_unseen_one_cannot_be_judged(valkey: Valkey) -> None:
    async with redis_gateways(valkey) as make:
        store = make()
        cookie = await store.open_login()
        valkey.kill()
        assert await store.login(cookie)
        with pytest.raises(CredentialsUnavailable):
            await store.login("unseen")
        with pytest.raises(CredentialsUnavailable):
            await store.issue_ticket("token")
        with pytest.raises(CredentialsUnavailable):
            await store.close_login(cookie)


async def test_an_emptied_redis_ends_no_login_and_is_told_what_it_lost(valkey: Valkey) -> None:
    async with redis_gateways(valkey) as make:
        store, other = make(), make()
        async with following(store) as told:
            cookie = await store.open_login()
            valkey.kill()
            await valkey.start()

            async def known_to_the_other() -> bool:
                try:
                    return bool(await other.login(cookie))
                except CredentialsUnavailable:
                    return False

            await eventually(known_to_the_other)
            assert await store.login(cookie)
            assert not told


async def test_a_logout_that_was_not_heard_is_found_when_the_channel_is_back(valkey: Valkey) -> None:
    async with redis_gateways(valkey) as make:
        store, other = make(), make()
        cookie = await store.open_login()
        await other.close_login(cookie)
        assert await store.login(cookie), "it has not heard of it yet"
        async with following(store) as told:
            await eventually(lambda: told)
            assert await store.login(cookie) is None


async def test_a_service_is_found_by_its_newest_heartbeat_that_still_stands(valkey: Valkey) -> None:
    client, names = create_redis(valkey.url, name="test"), Names("test")
    now = 0.0
    services = RedisServices(client, names, FixedServices({"telemetry": "http://host:1"}), clock=lambda: now)
    assert await services.address("flow") is None
    await client.zadd(names.services, {"flow:old": 1.0, "flow:new": 2.0, "flowers:x": 3.0})
    await client.hset(names.service("flow", "old"), "address", "127.0.0.1:7")  # type: ignore[misc]
    assert await services.address("flow") is None, "the answer is used again for a while"
    now = 5.0
    assert await services.address("flow") == "127.0.0.1:7"
    assert await services.address("telemetry") == "host:1"
    valkey.kill()
    now = 10.0
    assert await services.address("flow") == "127.0.0.1:7"
    await client.aclose()
