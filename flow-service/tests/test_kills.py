"""Replicas that die, stand still or stop: nothing is lost, nothing succeeds twice."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections import Counter
from typing import Any

import pytest
from eventually import eventually
from flow_process import Publish, Replica, Start
from receiver import Receiver
from redis.asyncio import Redis
from test_running import hook, runs, whole
from valkey_server import Server

from gestalt_contracts.channels import FlowNames

TAKEN_OVER_SECONDS = 6.5
KILLS = 20


def two(url: str) -> dict[str, Any]:
    """A flow with two activities that call out."""
    config = hook(url)
    request = {"activity_id": "http_request", "config": {"url": url, "method": "PUT"}}
    config["bindings_by_trigger_id"]["t"].append(request)
    return config


async def everything(one: Replica, **query: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    before: dict[str, str] = {}
    while True:
        page = await one.get("/api/flow/runs", limit="1000", **query, **before)
        found += page["runs"]
        if page["next_before"] is None:
            return found
        before = {"before": page["next_before"]}


async def test_two_replicas_share_the_work_and_do_it_once(replica: Start, receiver: Receiver, publish: Publish) -> None:
    one, _ = await replica(), await replica()
    await one.put(two(receiver.url))
    for number in range(100):
        await publish(path=f"/{number}")
    await eventually(lambda: len(receiver.came) >= 200, 20)

    async def settled() -> bool:
        return len(await runs(one, status="succeeded", limit="1000")) == 100

    await eventually(settled)
    assert max(Counter(receiver.keys()).values()) == 1


async def test_an_activity_of_a_dead_replica_is_taken_over_in_time_though_nothing_new_comes(
    replica: Start, receiver: Receiver, publish: Publish
) -> None:
    one = await replica()
    await one.put(hook(receiver.url))
    receiver.delay = 30
    await publish(path="/a")
    await eventually(lambda: receiver.came)
    other = await replica()
    receiver.delay = 0
    one.kill()
    begun = time.monotonic()
    await eventually(lambda: len(receiver.came) == 2, TAKEN_OVER_SECONDS)
    assert time.monotonic() - begun <= TAKEN_OVER_SECONDS

    async def finished() -> list[dict[str, Any]]:
        return await runs(other, status="succeeded")

    (run,) = await eventually(finished)
    (activity,) = (await whole(other, run))["activities"]
    assert [attempt.get("interrupted", False) for attempt in activity["attempts"]] == [True, False]
    assert len(set(receiver.keys())) == 1


async def test_a_kill_in_the_middle_of_a_save_leaves_one_set_or_the_other_whole(replica: Start) -> None:
    """And what was deleted once, a default flow, does not come back with the next replica."""
    dice = random.Random(5)  # noqa: S311 - the same kills each time
    one = await replica()
    assert [given["id"] for given in (await one.get("/api/flow/config"))["triggers"]] == ["default-file-changed"]
    sets = [[f"{word}-{number}" for number in range(12)] for word in ("old", "new")]
    for turn in range(4):
        triggers = [{"id": name, "event_type": "file-change", "label": str(turn)} for name in sets[turn % 2]]
        saving = asyncio.create_task(one.api.put("/api/flow/config", json={"triggers": triggers}))
        await asyncio.sleep(dice.uniform(0.005, 0.05))
        one.kill()
        await asyncio.gather(saving, return_exceptions=True)
        one = await replica()
        config = await one.get("/api/flow/config")
        found = [given["id"] for given in config["triggers"]]
        assert found in (["default-file-changed"] if turn == 0 else sets[0], *sets), turn
        assert len({given["label"] for given in config["triggers"]}) == 1
        assert config["errors"] == []
    await one.put({})
    one.kill()
    assert (await (await replica()).get("/api/flow/config"))["triggers"] == []


async def test_an_activity_longer_than_the_lease_is_started_once(
    replica: Start, receiver: Receiver, publish: Publish
) -> None:
    one, _ = await replica(), await replica()
    await one.put(hook(receiver.url, config={"timeout_seconds": 30}))
    receiver.delay = 7
    await publish(path="/a")

    async def finished() -> list[dict[str, Any]]:
        return await runs(one, status="succeeded")

    await eventually(finished, 15)
    assert len(receiver.came) == 1


async def test_a_replica_that_stood_still_beyond_its_lease_finishes_nothing(
    replica: Start, receiver: Receiver, publish: Publish
) -> None:
    zombie = await replica()
    await zombie.put(hook(receiver.url, config={"timeout_seconds": 30}))
    receiver.delay = 2
    await publish(path="/a")
    await eventually(lambda: receiver.came)
    zombie.kill(signal.SIGSTOP)
    receiver.delay = 3
    other = await replica()
    await eventually(lambda: len(receiver.came) == 2, TAKEN_OVER_SECONDS + 2)
    zombie.kill(signal.SIGCONT)  # its answer has come long ago, and the new owner is still at it
    await asyncio.sleep(1)
    (run,) = await runs(other)
    assert run["status"] == "running"

    async def finished() -> list[dict[str, Any]]:
        return await runs(other, status="succeeded")

    await eventually(finished, 20)
    (activity,) = (await whole(other, run))["activities"]
    assert [attempt["status_code"] for attempt in activity["attempts"]] == [None, 200]
    assert len(receiver.came) == 2


async def test_a_stop_lets_activities_end_and_hands_over_what_does_not(
    replica: Start, receiver: Receiver, publish: Publish
) -> None:
    one = await replica(GESTALT_FLOW_DRAIN="2s")
    await one.put(hook(receiver.url, config={"timeout_seconds": 60}))
    receiver.delay = 1
    await publish(path="/short")
    await eventually(lambda: len(receiver.came) == 1)
    receiver.delay = 40
    await publish(path="/long")
    await eventually(lambda: len(receiver.came) == 2)
    receiver.delay = 0
    begun = time.monotonic()
    one.kill(signal.SIGTERM)
    assert await one.ended(10) == 0
    assert time.monotonic() - begun < 10
    other = await replica()
    await eventually(lambda: len(receiver.came) == 3, 5, "handed over, not waited for")

    async def both() -> bool:
        return len(await runs(other, status="succeeded")) == 2

    await eventually(both)


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_random_kills_lose_no_event_and_record_no_success_twice(
    replica: Start, receiver: Receiver, publish: Publish, client: Redis
) -> None:
    dice = random.Random(7)  # noqa: S311 - the same kills each time
    living = [await replica(), await replica()]
    await living[0].put(two(receiver.url))
    receiver.delay = 0.02
    published = 0

    async def load(seconds: float) -> None:
        nonlocal published
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            await publish(path=f"/{published}")
            published += 1
            await asyncio.sleep(0.01)

    for _ in range(KILLS):
        await load(dice.uniform(0.3, 0.8))
        living.pop(dice.randrange(2)).kill()
        living.append(await replica())

    async def complete() -> bool:
        return len(await everything(living[0], status="succeeded")) == published

    await eventually(complete, 30)
    attempts = [
        activity["attempts"]
        for run in await everything(living[0])
        for activity in (await whole(living[0], run))["activities"]
    ]
    assert len(attempts) == len(Counter(receiver.keys())) == 2 * published
    assert all([attempt["error"] for attempt in tried].count(None) == 1 for tried in attempts)
    interrupted = sum(attempt.get("interrupted", False) for tried in attempts for attempt in tried)
    assert len(receiver.came) - 2 * published <= interrupted
    assert await client.xlen(FlowNames().ready) == 0


async def test_a_redis_that_is_away_for_a_moment_has_nothing_done_twice(
    replica: Start, receiver: Receiver, publish: Publish, server: Server
) -> None:
    one = await replica()
    await one.put(hook(receiver.url))
    receiver.delay = 1
    await publish(path="/a")
    await eventually(lambda: receiver.came)
    server.pause()
    await asyncio.sleep(2.5)
    server.go_on()

    async def finished() -> list[dict[str, Any]]:
        return await runs(one, status="succeeded")

    await eventually(finished, 20)
    assert len(receiver.came) == 1
