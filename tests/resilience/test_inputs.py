"""Ten thousand small inputs to one session, with cut connections and retries: each typed once, in order, whole."""

from __future__ import annotations

import asyncio
import contextlib
import random
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from gestalt_contracts.redis_client import create_redis
from tests.support import processes, programs
from tests.support.client import Api
from tests.support.eventually import eventually
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")

CLIENTS = 50
CUT_SHARE = 0.05
"""Of the requests, so many are cut off by an impatient client and sent again under their key."""
PATIENCE = (0.001, 0.03)
SLEEPER = "stty raw -echo; printf asleep; trap 'printf awake' USR1; sleep 600 & wait; exec cat >/dev/null"
"""Reads nothing until it gets USR1."""
LONG = b"x" * 500_000


@pytest.mark.timeout(180)
async def test_ten_thousand_inputs_are_typed_once_each_and_in_order(system: Stack, tmp_path: Path) -> None:
    await type_from_everywhere(system, tmp_path / "side", 10_000)


async def type_from_everywhere(system: Stack, side: Path, count: int) -> None:
    """Through two gateways, from CLIENTS clients; the program records what reached it."""
    async with AsyncExitStack() as gateways:
        second = await gateways.enter_async_context(system.second_gateway())
        apis = [await gateways.enter_async_context(api) for api in (system.api(), second)]
        session = await apis[0].create(programs.record(side))
        await eventually(lambda: _has_begun(apis[0], session["uid"]))
        async with asyncio.TaskGroup() as clients:
            for number in range(CLIENTS):
                api = apis[number % len(apis)]
                clients.create_task(_client(api, session["uid"], number, count // CLIENTS))
        await eventually(lambda: len(_lines(side)) >= count, 30)
    check(_lines(side), count)


def _lines(side: Path) -> list[bytes]:
    return side.read_bytes().splitlines()


def check(lines: list[bytes], count: int) -> None:
    """Each line once, whole, and those of one client in the order in which it sent them."""
    wanted = [
        b"client %02d line %04d" % (client, line) for client in range(CLIENTS) for line in range(count // CLIENTS)
    ]
    assert sorted(lines) == wanted
    for client in range(CLIENTS):
        own = [line for line in lines if line.startswith(b"client %02d " % client)]
        assert own == sorted(own), f"client {client}"


async def _has_begun(api: Api, uid: str) -> bool:
    return int((await api.session(uid))["output_bytes"]) >= len(programs.BEGUN)


async def _client(api: Api, uid: str, number: int, lines: int) -> None:
    chance = random.Random(number)  # noqa: S311 - a schedule, repeatable
    for line in range(lines):
        await _send(api, uid, b"client %02d line %04d\n" % (number, line), f"{number}/{line}", chance)


async def _send(api: Api, uid: str, data: bytes, key: str, chance: random.Random) -> None:
    """Until it is acknowledged; what was cut off is sent again under the same key."""
    while True:
        impatient = chance.random() < CUT_SHARE
        with contextlib.suppress(httpx.HTTPError, TimeoutError):
            async with asyncio.timeout(chance.uniform(*PATIENCE) if impatient else 30):
                answer = await api.type(uid, data, key=key)
            if answer.status_code == 200:
                return
            assert answer.status_code in {409, 503}, answer.text


async def test_twenty_creations_at_once_over_two_workers_get_twenty_names(api: Api) -> None:
    made = await asyncio.gather(*(api.create(programs.echo(), title="same") for _ in range(20)))
    assert sorted(session["id"] for session in made) == sorted(f"same {number}" for number in range(1, 21))
    assert len({session["worker"] for session in made}) == 2
    assert len({session["uid"] for session in made}) == 20


async def test_twenty_creations_under_one_key_make_one_session(api: Api) -> None:
    headers = {"Idempotency-Key": "once"}
    requests = (api.http.post("/api/sessions", json={"title": "one"}, headers=headers) for _ in range(20))
    answers = await asyncio.gather(*requests)
    assert {answer.status_code for answer in answers} == {201}
    assert {answer.json()["id"] for answer in answers} == {"one 1"}
    assert sum("idempotency-replayed" in answer.headers for answer in answers) == 19
    assert [listed["id"] for listed in await api.get("/api/sessions") if listed["title"] == "one"] == ["one 1"]


async def test_an_input_whose_worker_died_is_not_typed_again_and_its_key_is_free_after_saying_so(
    system: Stack, api: Api
) -> None:
    session = await api.create(["sh", "-c", SLEEPER])
    await system.settled()
    async with api.viewer(session["uid"]) as viewer:
        await viewer.shows(b"asleep")
        before = await claims(system)
        half_typed = asyncio.create_task(api.type(session["uid"], LONG, key="k"))
        await eventually(lambda: has_claimed(system, before), what="the worker has begun to type")
        processes.kill(await api.worker_pid(session["uid"]))
        assert (await half_typed).status_code in {502, 503}
        answer = await eventually(lambda: retried(api, session["uid"]), 10)
        assert (answer.status_code, answer.json()["code"]) == (409, "outcome_unknown")
        woken = await api.http.post(f"/api/sessions/{session['uid']}/signal", json={"signal": "USR1"})
        assert woken.status_code == 204
        await viewer.shows(b"awake")
        assert (await api.type(session["uid"], b"once more", key="k")).json() == {"bytes": 9}


async def claims(system: Stack) -> int:
    """How many keys have been used."""
    client = create_redis(system.redis_url(), name="test")
    try:
        return len(await client.keys("*idempotency*"))
    finally:
        await client.aclose()


async def has_claimed(system: Stack, before: int) -> bool:
    return await claims(system) > before


async def retried(api: Api, uid: str) -> httpx.Response:
    """The answer to the same request, once there is a worker again."""
    answer = await api.type(uid, LONG, key="k")
    assert answer.status_code not in {502, 503}
    return answer
