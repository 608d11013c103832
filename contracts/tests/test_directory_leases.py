"""Leases and generations of workers, in memory and Redis alike."""

from __future__ import annotations

import pytest
from directory_rig import NAMES, Rig, following, redis_rig, worker
from msgspec.structs import replace
from redis.asyncio import Redis

from gestalt_contracts.directory import (
    LEASE_MS,
    Change,
    StaleGeneration,
)
from gestalt_contracts.directory_memory import InMemoryDirectory


async def test_a_worker_whose_lease_has_run_out_writes_nothing(rig: Rig) -> None:
    owner = await rig.worker()
    record = await rig.session(owner)
    await rig.expire("w1")
    late = replace(record, summary={"late": True})
    for attempt in (
        rig.directory.renew(owner),
        rig.directory.write(owner, [late]),
        rig.directory.end(owner, "u1", keep_seconds=60),
        rig.directory.adopt(owner, late),
        rig.directory.claim(owner, "u2", "Shell", only=False, created_at=2.0),
    ):
        with pytest.raises(StaleGeneration, match="w1"):
            await attempt
    found = await rig.found()
    assert (found.status, found.ended, "late" in found.summary) == ("unreachable", False, False)
    assert [session.uid for session in await rig.other.sessions()] == ["u1"]


async def test_a_worker_that_was_replaced_writes_nothing(rig: Rig) -> None:
    old = await rig.worker()
    record = await rig.session(old)
    new = await rig.worker(pid=8)
    assert new.generation > old.generation
    with pytest.raises(StaleGeneration):
        await rig.directory.write(old, [record])
    with pytest.raises(StaleGeneration):
        await rig.directory.renew(old)
    await rig.directory.leave(old)
    assert [found.state for found in await rig.other.workers()] == ["live"]


async def test_a_generation_is_higher_than_any_before_and_than_the_floor(rig: Rig) -> None:
    first = await rig.directory.register(worker(), floor=41)
    second = await rig.directory.register(worker("w2"), floor=3)
    assert (first.generation, second.generation) == (42, 43)
    await rig.forget()
    again = await rig.directory.register(worker(), floor=42)
    assert again.generation == 43


async def test_a_lease_lasts_as_long_as_it_is_renewed(client: Redis) -> None:
    rig = redis_rig(client)
    owner = await rig.worker()
    assert 0 < await client.pttl(NAMES.alive("w1")) <= LEASE_MS
    await client.pexpire(NAMES.alive("w1"), 60_000)
    await rig.directory.renew(owner)
    assert 0 < await client.pttl(NAMES.alive("w1")) <= LEASE_MS


async def test_the_memory_keeps_a_lease_as_long_as_it_is_renewed() -> None:
    moment = [1_000.0]
    directory = InMemoryDirectory(clock=lambda: moment[0])
    owner = await directory.register(worker(), floor=0)
    for _ in range(5):
        moment[0] += LEASE_MS / 1_000 - 1
        owner = await directory.renew(owner)
    moment[0] += LEASE_MS / 1_000
    with pytest.raises(StaleGeneration):
        await directory.renew(owner)


async def test_workers_are_listed_by_start_with_what_they_say_of_themselves(rig: Rig) -> None:
    assert await rig.directory.workers() == []
    late = await rig.worker("a", started_at=9.0, slot="/data/slots/2")
    early = await rig.worker("b", started_at=2.0)
    await rig.directory.renew(replace(early, sessions=4, journal_bytes=70))
    listed = await rig.other.workers()
    said = [(found.id, found.state, found.sessions, found.journal_bytes) for found in listed]
    assert said == [("b", "live", 4, 70), ("a", "live", 0, 0)]
    assert listed[1] == replace(late, seen_at=listed[1].seen_at)
    assert listed[0].seen_at > 0


async def test_a_worker_that_leaves_is_gone_at_once(rig: Rig) -> None:
    owner = await rig.worker()
    await rig.session(owner)
    async with following(rig) as take:
        await rig.directory.leave(owner)
        (change,) = await take(1)
    (listed,) = await rig.other.workers()
    assert (listed.state, listed.gone_since is not None) == ("gone", True)
    assert change.worker == listed
    assert (await rig.found()).status == "unreachable"


async def test_draining_an_unknown_worker_is_told(rig: Rig) -> None:
    assert await rig.directory.drain("nobody", draining=True) is None


async def test_a_worker_hears_that_it_drains_when_it_renews(rig: Rig) -> None:
    owner = await rig.worker()
    async with following(rig) as take:
        drained = await rig.other.drain("w1", draining=True)
        (change,) = await take(1)
    assert drained is not None
    assert drained.state == "draining"
    assert change == Change(worker=drained)
    assert (await rig.directory.renew(owner)).state == "draining"
    await rig.other.drain("w1", draining=False)
    assert (await rig.directory.renew(owner)).state == "live"


async def test_draining_outlasts_a_lost_lease_but_not_the_process(rig: Rig) -> None:
    await rig.worker()
    await rig.directory.drain("w1", draining=True)
    await rig.expire("w1")
    assert (await rig.worker()).state == "draining"
    assert (await rig.worker(started_at=2.5)).state == "live"
    assert (await rig.worker("w2", state="draining")).state == "draining"
