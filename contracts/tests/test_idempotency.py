"""What every idempotency store promises, memory and Redis alike."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from redis.asyncio import Redis
from valkey_server import Server

from gestalt_contracts.channels import Names
from gestalt_contracts.idempotency import (
    Answer,
    IdempotencyStore,
    IdempotencyUnavailable,
    InProgress,
    Interrupted,
    Mismatch,
    Owner,
    Replay,
    Started,
    fingerprint_of,
    key_of,
)
from gestalt_contracts.idempotency_memory import InMemoryIdempotency
from gestalt_contracts.redis_client import create_redis
from gestalt_contracts.redis_idempotency import UNSETTLED, RedisIdempotency

NAMES = Names("test")
KEY = key_of("POST", "/api/sessions", "k1")
BODY = fingerprint_of(b"body")
ONE, TWO, THREE = Owner("w1", 1), Owner("w2", 2), Owner("w3", 3)
CREATED = Answer(201, b'{"id":"Shell 1"}', {"location": "/api/sessions/u1"})
DEADLINE = 10.0


class Rig:
    """A store, and who lives."""

    def __init__(self, store: IdempotencyStore, bury: Callable[[Owner], Awaitable[Any]]) -> None:
        self.store = store
        self.bury = bury

    async def begin(self, owner: Owner = ONE, *, body: str = BODY, detail: str = "", wait: float = 0) -> Any:
        async with asyncio.timeout(DEADLINE):
            return await self.store.begin(KEY, body, owner, detail=detail, wait=wait)

    async def started(self, owner: Owner = ONE, *, detail: str = "") -> str:
        outcome = await self.begin(owner, detail=detail)
        assert isinstance(outcome, Started)
        return outcome.token


@pytest.fixture(params=["memory", "redis"])
async def rig(request: pytest.FixtureRequest, client: Redis) -> Rig:
    if request.param == "memory":
        return memory_rig()
    for owner in (ONE, TWO, THREE):
        await client.set(NAMES.alive(owner.id), owner.generation)

    async def bury(owner: Owner) -> None:
        await client.delete(NAMES.alive(owner.id))

    return Rig(RedisIdempotency(client, NAMES), bury)


def memory_rig() -> Rig:
    store = InMemoryIdempotency()

    async def bury(owner: Owner) -> None:
        store.buried.add(owner)

    return Rig(store, bury)


async def test_another_body_under_a_key_is_refused_before_and_after_the_answer(rig: Rig) -> None:
    token = await rig.started()
    other = fingerprint_of(b"another")
    assert await rig.begin(body=other, wait=DEADLINE) == Mismatch()
    await rig.store.finish(token, CREATED)
    assert await rig.begin(body=other) == Mismatch()


async def test_a_duplicate_that_waited_in_vain_is_told(rig: Rig) -> None:
    await rig.started()
    assert await rig.begin(TWO, wait=0.05) == InProgress()


async def test_what_was_answered_once_is_answered_again_as_often_as_asked(rig: Rig) -> None:
    await rig.store.finish(await rig.started(), CREATED)
    assert [await rig.begin(owner) for owner in (ONE, TWO, ONE)] == [Replay(CREATED)] * 3


async def test_the_answer_outlives_its_owner(rig: Rig) -> None:
    await rig.store.finish(await rig.started(), CREATED)
    await rig.bury(ONE)
    assert await rig.begin(TWO) == Replay(CREATED)


@pytest.mark.parametrize("status", [400, 409, 500, 503, 504, 301])
async def test_a_failure_frees_the_key(rig: Rig, status: int) -> None:
    await rig.store.finish(await rig.started(), Answer(status, b""))
    assert isinstance(await rig.begin(TWO), Started)


async def test_a_failure_is_kept_when_the_caller_says_so(rig: Rig) -> None:
    taken = Answer(504, b'{"bytes":7}')
    await rig.store.finish(await rig.started(), taken, keep=True)
    assert await rig.begin() == Replay(taken)


async def test_an_abandoned_key_is_free(rig: Rig) -> None:
    await rig.store.abandon(await rig.started())
    assert isinstance(await rig.begin(TWO), Started)


async def test_of_twenty_at_once_one_acts_and_all_get_its_answer(rig: Rig) -> None:
    acts = 0

    async def call(owner: Owner) -> Answer:
        nonlocal acts
        outcome = await rig.begin(owner, wait=DEADLINE)
        if isinstance(outcome, Replay):
            return outcome.answer
        acts += 1
        await asyncio.sleep(0)
        await rig.store.finish(outcome.token, CREATED)
        return CREATED

    assert await asyncio.gather(*(call((ONE, TWO)[n % 2]) for n in range(20))) == [CREATED] * 20
    assert acts == 1


async def test_a_claim_whose_owner_died_is_told_to_one_caller_and_then_free(rig: Rig) -> None:
    await rig.started(detail="u1")
    await rig.bury(ONE)
    first, second = await asyncio.gather(rig.begin(TWO), rig.begin(THREE))
    (interrupted,) = [outcome for outcome in (first, second) if isinstance(outcome, Interrupted)]
    assert interrupted.detail == "u1"
    assert InProgress() in {first, second}
    await rig.store.abandon(interrupted.token)
    assert isinstance(await rig.begin(THREE), Started)


async def test_who_inherits_a_claim_may_answer_for_it(rig: Rig) -> None:
    await rig.started(detail="u1")
    await rig.bury(ONE)
    inherited = await rig.begin(TWO, detail="u2")
    assert isinstance(inherited, Interrupted)
    await rig.store.finish(inherited.token, CREATED)
    assert await rig.begin(THREE) == Replay(CREATED)


async def test_a_claim_inherited_twice_still_has_its_first_detail(rig: Rig) -> None:
    await rig.started(detail="u1")
    await rig.bury(ONE)
    await rig.begin(TWO, detail="u2")
    await rig.bury(TWO)
    assert (await rig.begin(THREE, detail="u3")).detail == "u1"


async def test_who_lost_its_claim_changes_nothing_any_more(rig: Rig) -> None:
    late = await rig.started()
    await rig.bury(ONE)
    inherited = await rig.begin(TWO)
    await rig.store.finish(late, CREATED)
    await rig.store.abandon(late)
    assert await rig.begin(THREE) == InProgress()
    await rig.store.finish(inherited.token, Answer(200, b"mine"))
    assert await rig.begin(THREE) == Replay(Answer(200, b"mine"))


async def test_an_answer_stands_once_given(rig: Rig) -> None:
    token = await rig.started()
    await rig.store.finish(token, CREATED)
    await rig.store.abandon(token)
    await rig.store.finish(token, Answer(200, b"second thoughts"))
    assert await rig.begin() == Replay(CREATED)


def test_a_key_belongs_to_method_and_path() -> None:
    keys = {key_of("POST", "/a", "k"), key_of("PUT", "/a", "k"), key_of("POST", "/b", "k"), key_of("POST", "/a", "l")}
    assert len(keys | {key_of("POST", "/ak", "")}) == 5


def test_what_is_done_differently_has_another_fingerprint() -> None:
    assert fingerprint_of(b"a", b"b") != fingerprint_of(b"ab", b"") != fingerprint_of(b"ab")


async def test_the_memory_that_is_away_says_so() -> None:
    store = InMemoryIdempotency()
    store.away = True
    with pytest.raises(IdempotencyUnavailable):
        await store.begin(KEY, BODY, ONE)


async def test_an_owner_that_came_back_under_a_new_generation_is_not_the_one_that_claimed(client: Redis) -> None:
    store = RedisIdempotency(client, NAMES)
    await client.set(NAMES.alive("w1"), 1)
    assert isinstance(await store.begin(KEY, BODY, ONE, detail="u1"), Started)
    await client.set(NAMES.alive("w1"), 2)
    outcome = await store.begin(KEY, BODY, Owner("w1", 2))
    assert isinstance(outcome, Interrupted)


async def test_claims_and_answers_are_kept_for_a_day(client: Redis) -> None:
    store = RedisIdempotency(client, NAMES)
    claimed = await store.begin(KEY, BODY, ONE)
    assert isinstance(claimed, Started)
    assert 86_000 < await client.ttl(NAMES.idempotency(KEY)) <= 86_400
    await store.finish(claimed.token, CREATED)
    assert 86_000 < await client.ttl(NAMES.idempotency(KEY)) <= 86_400


async def test_an_answer_given_while_redis_was_away_is_given_again_when_it_is_back(
    new_server: Callable[..., Server],
) -> None:
    server = new_server("--appendonly", "yes", "--appendfsync", "always")
    await server.answers()
    client = create_redis(server.url, name="test")
    store = RedisIdempotency(client, NAMES)
    await client.set(NAMES.alive("w1"), 1)
    claimed = await store.begin(KEY, BODY, ONE)
    assert isinstance(claimed, Started)
    server.kill()
    await store.finish(claimed.token, CREATED)
    with pytest.raises(IdempotencyUnavailable):
        await store.begin(KEY, BODY, ONE)
    server.start()
    await server.answers()
    assert await store.begin(KEY, BODY, ONE) == Replay(CREATED)
    await client.aclose()


async def test_a_claim_of_a_caller_that_was_cancelled_is_freed(client: Redis) -> None:
    store = RedisIdempotency(client, NAMES)
    await client.set(NAMES.alive("w1"), 1)
    for turns in range(20):
        beginning = asyncio.ensure_future(store.begin(KEY, BODY, ONE))
        for _ in range(turns):
            await asyncio.sleep(0)
        beginning.cancel()
        (outcome,) = await asyncio.gather(beginning, return_exceptions=True)
        if isinstance(outcome, Started):
            await store.abandon(outcome.token)
    assert isinstance(await store.begin(KEY, BODY, ONE, wait=0), Started)


async def test_what_cannot_be_settled_is_remembered_within_bounds() -> None:
    client = create_redis("unix:///nowhere/at/all", name="test")
    store = RedisIdempotency(client, NAMES)
    await store.abandon("first/mark")
    assert list(store._unsettled) == ["first/mark"]
    for number in range(UNSETTLED):
        store._remember(f"{number}/mark", None)
    assert len(store._unsettled) == UNSETTLED
    assert "first/mark" not in store._unsettled
    await client.aclose()
