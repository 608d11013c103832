"""Workers that go away and come back, in memory and Redis alike."""

from __future__ import annotations

import asyncio

import pytest
from directory_rig import NAMES, NEVER, Rig, following, redis_rig, worker
from msgspec.structs import replace
from redis.asyncio import Redis

from gestalt_contracts.directory import (
    LEASE_MS,
    Change,
    StaleGeneration,
    Taken,
)
from gestalt_contracts.directory_memory import InMemoryDirectory
from gestalt_contracts.directory_rules import FORGOTTEN_SECONDS
from gestalt_contracts.redis_directory import TOLD_SINGLY


async def test_sessions_of_a_worker_that_is_away_are_unreachable(rig: Rig) -> None:
    await rig.session(await rig.worker())
    await rig.session(await rig.worker("w2"), "u2", "Coder", created_at=2.0)
    await rig.expire("w1")
    await rig.worker("w2")  # in the memory's world all leases run out together
    await rig.directory.adopt(await rig.worker("w2"), await rig.found("u2"))
    statuses = {record.uid: (record.status, record.summary["status"]) for record in await rig.other.sessions()}
    assert statuses["u1"] == ("unreachable", "unreachable")


async def test_a_sweep_tells_who_has_gone_once(rig: Rig) -> None:
    await rig.session(await rig.worker())
    await rig.expire("w1")
    async with following(rig) as take:
        await asyncio.gather(rig.directory.sweep(lost_after=NEVER), rig.other.sweep(lost_after=NEVER))
        gone, unreachable = await take(2)
        await rig.directory.sweep(lost_after=NEVER)
        await rig.worker("w2")
        (next_change,) = await take(1)
    assert gone.worker is not None
    assert (gone.worker.id, gone.worker.state) == ("w1", "gone")
    assert unreachable.session is not None
    assert unreachable.session.status == "unreachable"
    assert next_change.worker is not None
    assert next_change.worker.id == "w2"


async def test_a_worker_that_goes_again_is_told_again(rig: Rig) -> None:
    for _ in range(2):
        await rig.worker()
        assert [found.gone_since for found in await rig.other.workers()] == [None]
        await rig.expire("w1")
        async with following(rig) as take:
            await rig.directory.sweep(lost_after=NEVER)
            (change,) = await take(1)
        assert change.worker is not None
        assert change.worker.gone_since is not None


async def test_a_session_away_for_long_is_lost_and_its_name_is_free(rig: Rig) -> None:
    lost = await rig.session(await rig.worker(), base="Coder", only=True)
    await rig.expire("w1")
    await rig.directory.sweep(lost_after=NEVER)
    other = await rig.worker("w2")
    assert await rig.directory.claim(other, "u2", "Coder", only=True, created_at=2.0) == Taken("Coder 1", "u1")
    await rig.directory.sweep(lost_after=0)
    assert (await rig.found()).status == "lost"
    assert not (await rig.found()).name_lost
    assert await rig.directory.claim(other, "u2", "Coder", only=True, created_at=2.0) == "Coder 1"
    assert ((await rig.found()).status, (await rig.found()).name_lost) == ("lost", True)
    assert (await rig.found("Coder 1")).uid == "u2"
    back = await rig.worker()
    assert await rig.directory.adopt(back, lost) is False
    assert (await rig.found()).name_lost
    await rig.directory.end(back, "u1", keep_seconds=60)
    assert (await rig.found("Coder 1")).uid == "u2"
    assert [record.uid for record in await rig.other.sessions()] == ["u2"]


async def test_a_lost_session_keeps_its_name_when_its_worker_returns_in_time(rig: Rig) -> None:
    record = await rig.session(await rig.worker())
    await rig.expire("w1")
    await rig.directory.sweep(lost_after=0)
    back = await rig.worker()
    assert (await rig.found()).status == "lost"
    assert await rig.directory.adopt(back, record) is True
    assert await rig.found("Shell 1") == replace(record, generation=back.generation)


async def test_a_session_that_a_returned_worker_does_not_take_up_stays_unreachable_and_is_lost(rig: Rig) -> None:
    await rig.session(await rig.worker())
    await rig.worker(pid=8)
    assert (await rig.found()).status == "unreachable"
    await rig.directory.sweep(lost_after=0)
    assert (await rig.found()).status == "lost"


async def test_a_session_deleted_while_its_worker_is_away_is_closing_until_that_returns(rig: Rig) -> None:
    record = await rig.session(await rig.worker())
    await rig.expire("w1")
    async with following(rig) as take:
        assert await rig.other.request_end("u1") is True
        (change,) = await take(1)
    assert change.session is not None
    assert (change.session.status, change.session.end_requested) == ("closing", True)
    assert (await rig.found()).summary["status"] == "closing"
    back = await rig.worker()
    assert await rig.directory.adopt(back, record) is True
    assert (await rig.found()).end_requested
    await rig.directory.end(back, "u1", keep_seconds=60)
    assert await rig.other.request_end("u1") is False
    assert await rig.other.request_end("nobody") is False


async def test_everything_is_registered_again_after_the_data_was_lost(rig: Rig) -> None:
    owner = await rig.worker()
    record = await rig.session(owner)
    before = await rig.directory.server_id()
    assert await rig.other.server_id() == before
    await rig.forget()
    assert await rig.directory.server_id() != before
    assert await rig.directory.sessions() == []
    with pytest.raises(StaleGeneration):
        await rig.directory.write(owner, [record])
    again = await rig.directory.register(owner, floor=owner.generation)
    assert await rig.directory.adopt(again, record) is True
    assert await rig.found("Shell 1") == replace(record, generation=again.generation)
    assert await rig.directory.claim(again, "u2", "Shell", only=False, created_at=2.0) == "Shell 2"


async def test_a_session_whose_name_was_taken_while_the_data_was_lost_can_still_be_ended(rig: Rig) -> None:
    owner = await rig.worker()
    record = await rig.session(owner)
    await rig.forget()
    other = await rig.directory.register(worker("w2"), floor=0)
    await rig.session(other, "u2")
    again = await rig.directory.register(owner, floor=owner.generation)
    assert await rig.directory.adopt(again, record) is False
    await rig.directory.end(again, "u1", keep_seconds=60)
    assert (await rig.found("u1")).ended
    assert [session.uid for session in await rig.other.sessions()] == ["u2"]


async def test_a_worker_gone_for_good_leaves_the_list_when_it_has_no_sessions(rig: Rig) -> None:
    owner = await rig.worker()
    await rig.session(owner)
    await rig.expire("w1")
    await rig.directory.sweep(lost_after=0)
    assert [found.id for found in await rig.other.workers()] == ["w1"]
    back = await rig.worker()
    await rig.directory.end(back, "u1", keep_seconds=60)
    await rig.directory.leave(back)
    await rig.directory.sweep(lost_after=NEVER)
    assert [found.id for found in await rig.other.workers()] == ["w1"]
    await rig.directory.sweep(lost_after=0)
    assert await rig.other.workers() == []


async def test_a_sweep_of_very_many_says_look_at_everything(client: Redis) -> None:
    rig = redis_rig(client)
    owner = await rig.worker()
    for number in range(TOLD_SINGLY + 1):
        await rig.directory.claim(owner, f"u{number}", "Shell", only=False, created_at=1.0)
    await rig.expire("w1")
    async with following(rig) as take:
        await rig.directory.sweep(lost_after=NEVER)
        assert await take(1) == [Change()]


async def test_a_session_whose_worker_never_comes_back_is_forgotten_with_its_name(client: Redis) -> None:
    rig = redis_rig(client)
    await rig.session(await rig.worker())
    await rig.expire("w1")
    await client.hset(NAMES.session("u1"), "away_since", "1.5")
    async with following(rig) as take:
        await rig.directory.sweep(lost_after=60)
        assert Change(removed="u1") in await take(2)
    assert await client.keys(NAMES.session("*")) == await client.keys(NAMES.name("*")) == []


async def test_the_memory_forgets_and_buries_by_its_clock() -> None:
    moment = [1_000.0]
    directory = InMemoryDirectory(clock=lambda: moment[0])
    owner = await directory.register(worker(), floor=0)
    await directory.claim(owner, "u1", "Shell", only=False, created_at=1.0)
    await directory.claim(owner, "u2", "Shell", only=False, created_at=2.0)
    await directory.end(owner, "u2", keep_seconds=1)
    moment[0] += 2 * LEASE_MS / 1_000
    assert await directory.find("u2") is None
    await directory.sweep(lost_after=60)
    moment[0] += FORGOTTEN_SECONDS
    await directory.sweep(lost_after=60)
    assert await directory.sessions() == await directory.workers() == []
    assert await directory.find("u1") is None


async def test_what_is_written_of_a_session_that_is_not_wanted_any_more_does_not_hide_that(rig: Rig) -> None:
    lost, deleted = await rig.session(await rig.worker()), await rig.session(await rig.worker(), "u2")
    await rig.expire("w1")
    await rig.directory.sweep(lost_after=0)
    other = await rig.worker("w2")
    assert await rig.directory.claim(other, "u3", "Shell", only=False, created_at=3.0) == lost.id
    assert await rig.other.request_end("u2")
    back = await rig.worker()
    assert await rig.directory.adopt(back, lost) is False
    assert await rig.directory.adopt(back, deleted) is True
    async with following(rig) as take:
        await rig.directory.write(back, [lost, deleted])
        told = [change.session for change in await take(2)]
    assert [(record.name_lost, record.end_requested) for record in told if record] == [(True, False), (False, True)]
    assert (await rig.found(lost.id)).uid == "u3"
