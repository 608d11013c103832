"""What every directory promises, memory and Redis alike."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from msgspec.structs import replace
from redis.asyncio import Redis

from gestalt_contracts.broadcast import RECENT
from gestalt_contracts.channels import Names
from gestalt_contracts.directory import (
    LEASE_MS,
    Change,
    Directory,
    DirectoryUnavailable,
    SessionRecord,
    StaleGeneration,
    Taken,
    WorkerRecord,
)
from gestalt_contracts.directory_memory import InMemoryDirectory
from gestalt_contracts.directory_rules import FORGOTTEN_SECONDS
from gestalt_contracts.redis_client import create_redis
from gestalt_contracts.redis_directory import TOLD_SINGLY, RedisDirectory

NAMES = Names("test")
NEVER = 1e9
DEADLINE = 10.0


class Rig:
    """A directory, a second one as another process would have it, and what befalls them."""

    def __init__(
        self,
        directory: Directory,
        other: Directory,
        expire: Callable[[str], Awaitable[Any]],
        forget: Callable[[], Awaitable[Any]],
    ) -> None:
        self.directory = directory
        self.other = other
        self.expire = expire
        self.forget = forget

    async def worker(self, id_: str = "w1", **more: Any) -> WorkerRecord:
        return await self.directory.register(worker(id_, **more), floor=0)

    async def session(self, owner: WorkerRecord, uid: str = "u1", base: str = "Shell", **more: Any) -> SessionRecord:
        """A session that was claimed and then written."""
        only = more.pop("only", False)
        name = await self.directory.claim(owner, uid, base, only=only, created_at=more.get("created_at", 1.0))
        assert isinstance(name, str)
        record = running(uid, name, owner, **more)
        await self.directory.write(owner, [record])
        return record

    async def found(self, ref: str = "u1") -> SessionRecord:
        record = await self.other.find(ref)
        assert record is not None
        return record


def worker(id_: str = "w1", **more: Any) -> WorkerRecord:
    fields = {"address": "127.0.0.1:1", "pid": 7, "host": "here", "capacity": 10, "version": "1", "started_at": 1.5}
    return WorkerRecord(id=id_, **{**fields, **more})


def running(uid: str, id_: str, owner: WorkerRecord, **more: Any) -> SessionRecord:
    status = more.pop("status", "running")
    fields = {"created_at": 1.0, "summary": {"id": id_, "status": status, "labels": {}, "cols": 80}, **more}
    return SessionRecord(uid=uid, id=id_, worker=owner.id, generation=owner.generation, status=status, **fields)


@pytest.fixture(params=["memory", "redis"])
def rig(request: pytest.FixtureRequest, client: Redis) -> Rig:
    return memory_rig() if request.param == "memory" else redis_rig(client)


def memory_rig() -> Rig:
    moment = [1_000.0]
    directory = InMemoryDirectory(clock=lambda: moment[0])

    async def expire(_: str) -> None:
        moment[0] += LEASE_MS / 1_000

    async def forget() -> None:
        directory.forget()

    return Rig(directory, directory, expire, forget)


def redis_rig(client: Redis) -> Rig:
    async def expire(worker_id: str) -> None:
        await client.delete(NAMES.alive(worker_id))

    return Rig(RedisDirectory(client, NAMES), RedisDirectory(client, NAMES), expire, client.flushall)


@asynccontextmanager
async def following(rig: Rig) -> AsyncIterator[Callable[[int], Awaitable[list[Change]]]]:
    async with rig.other.changes() as changes:

        async def take(number: int) -> list[Change]:
            async with asyncio.timeout(DEADLINE):
                return [await anext(changes) for _ in range(number)]

        yield take


# Leases and generations


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
    await rig.directory.renew(replace(early, sessions=4))
    listed = await rig.other.workers()
    assert [(found.id, found.state, found.sessions) for found in listed] == [("b", "live", 4), ("a", "live", 0)]
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


# Names


async def test_two_starts_of_one_agent_give_one_session(rig: Rig) -> None:
    owner, other = await rig.worker(), await rig.worker("w2")
    assert await rig.directory.claim(owner, "u1", "Coder", only=True, created_at=1.0) == "Coder 1"
    assert await rig.other.claim(other, "u2", "Coder", only=True, created_at=2.0) == Taken("Coder 1", "u1")
    assert [record.uid for record in await rig.directory.sessions()] == ["u1"]


async def test_of_twenty_racing_for_one_name_one_wins(rig: Rig) -> None:
    owners = [await rig.worker(f"w{n}") for n in range(2)]
    sides = [rig.directory, rig.other]
    claims = [sides[n % 2].claim(owners[n % 2], f"u{n}", "Coder", only=True, created_at=float(n)) for n in range(20)]
    outcomes = await asyncio.gather(*claims)
    (winner,) = [f"u{n}" for n, outcome in enumerate(outcomes) if outcome == "Coder 1"]
    assert [outcome for outcome in outcomes if outcome != "Coder 1"] == [Taken("Coder 1", winner)] * 19


async def test_plain_sessions_get_the_lowest_free_number(rig: Rig) -> None:
    owner = await rig.worker()

    async def claim(uid: str) -> str | Taken:
        return await rig.directory.claim(owner, uid, "Shell", only=False, created_at=1.0)

    names = await asyncio.gather(*(claim(f"u{n}") for n in range(1, 5)))
    assert sorted(map(str, names)) == ["Shell 1", "Shell 2", "Shell 3", "Shell 4"]
    second = await rig.found("Shell 2")
    await rig.directory.end(owner, second.uid, keep_seconds=60)
    assert await claim("u9") == "Shell 2"


async def test_a_closed_session_holds_its_number_while_it_is_listed(rig: Rig) -> None:
    owner = await rig.worker()
    await rig.session(owner, status="closed")
    assert await rig.directory.claim(owner, "u2", "Shell", only=False, created_at=2.0) == "Shell 2"


async def test_a_new_start_of_an_agent_replaces_its_closed_session(rig: Rig) -> None:
    owner, other = await rig.worker(), await rig.worker("w2")
    closed = await rig.session(owner, base="Coder", only=True, status="closed")
    async with following(rig) as take:
        assert await rig.directory.claim(other, "u2", "Coder", only=True, created_at=2.0) == "Coder 1"
        removed, created = await take(2)
    assert removed == Change(removed="u1")
    assert created.session is not None
    assert created.session.uid == "u2"
    assert [record.uid for record in await rig.directory.sessions()] == ["u2"]
    assert (await rig.found("u1")).ended
    assert (await rig.found("Coder 1")).uid == "u2"
    await rig.directory.write(owner, [closed])
    assert [record.uid for record in await rig.directory.sessions()] == ["u2"]
    assert await rig.directory.adopt(owner, closed) is False


async def test_a_claim_is_visible_at_once(rig: Rig) -> None:
    owner = await rig.worker()
    async with following(rig) as take:
        await rig.directory.claim(owner, "u1", "Shell", only=False, created_at=86_400.25)
        (change,) = await take(1)
    (listed,) = await rig.other.sessions()
    assert change == Change(session=listed)
    assert (listed.status, listed.worker, listed.generation) == ("starting", "w1", owner.generation)
    assert listed.summary == {
        "id": "Shell 1",
        "uid": "u1",
        "status": "starting",
        "worker": "w1",
        "created_at": "1970-01-02T00:00:00.25Z",
    }


async def test_a_claim_repeated_for_its_uid_gives_the_same_name(rig: Rig) -> None:
    owner = await rig.worker()
    first = await rig.directory.claim(owner, "u1", "Coder", only=True, created_at=1.0)
    assert await rig.directory.claim(owner, "u1", "Coder", only=True, created_at=1.0) == first
    assert len(await rig.directory.sessions()) == 1


# Records


async def test_what_was_never_claimed_is_not_written(rig: Rig) -> None:
    owner = await rig.worker()
    await rig.directory.write(owner, [running("ghost", "Ghost 1", owner)])
    assert await rig.directory.sessions() == []
    await rig.directory.end(owner, "ghost", keep_seconds=60)
    assert await rig.directory.find("ghost") is None
    assert await rig.directory.find("Ghost 1") is None


async def test_a_record_is_read_as_it_was_written_and_told(rig: Rig) -> None:
    owner = await rig.worker()
    summary = {"id": "Größe 1", "labels": {}, "skills": [], "big": 2**53 + 1, "ratio": 0.1, "none": None}
    await rig.directory.claim(owner, "u1", "Größe", only=False, created_at=1.0)
    record = replace(running("u1", "Größe 1", owner), summary=summary)
    async with following(rig) as take:
        await rig.directory.write(owner, [record])
        assert await take(1) == [Change(session=record)]
    assert await rig.found("Größe 1") == record
    assert await rig.other.sessions() == [record]


async def test_many_records_are_written_at_once_and_listed_by_creation(rig: Rig) -> None:
    owner = await rig.worker()
    for number in range(250):
        await rig.directory.claim(owner, f"u{number}", "Shell", only=False, created_at=1_000.0 - number)
    records = [running(f"u{n}", f"Shell {n + 1}", owner, created_at=1_000.0 - n) for n in range(250)]
    await rig.directory.write(owner, records)
    assert await rig.other.sessions() == records[::-1]


async def test_an_ended_session_is_found_by_uid_and_by_id_until_the_id_is_used_again(rig: Rig) -> None:
    owner = await rig.worker()
    await rig.session(owner)
    async with following(rig) as take:
        await rig.directory.end(owner, "u1", keep_seconds=60)
        assert await take(1) == [Change(removed="u1")]
    assert await rig.other.sessions() == []
    assert (await rig.found("u1")).ended
    assert (await rig.found("Shell 1")).uid == "u1"
    await rig.session(owner, "u2")
    assert (await rig.found("Shell 1")).uid == "u2"
    await rig.directory.end(owner, "u2", keep_seconds=0)
    assert await rig.directory.find("u2") is None
    assert await rig.directory.find("Shell 1") is None
    assert (await rig.found("u1")).ended


async def test_a_late_write_does_not_raise_the_dead(rig: Rig) -> None:
    owner = await rig.worker()
    record = await rig.session(owner)
    await rig.directory.end(owner, "u1", keep_seconds=60)
    async with following(rig) as take:
        await rig.directory.write(owner, [replace(record, summary={"late": True})])
        assert await rig.directory.adopt(owner, record) is False
        drained = await rig.directory.drain("w1", draining=True)
        assert await take(1) == [Change(worker=drained)]
    assert await rig.other.sessions() == []
    assert await rig.found() == replace(record, ended=True)


# Workers that go away and come back


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


# Leases on jobs, the workspace, changes


async def test_a_job_is_held_by_one(rig: Rig) -> None:
    assert await rig.directory.hold("sweep", "a", milliseconds=60_000) is True
    assert await rig.other.hold("sweep", "b", milliseconds=60_000) is False
    assert await rig.directory.hold("sweep", "a", milliseconds=60_000) is True
    await rig.other.release("sweep", "b")
    assert await rig.other.hold("sweep", "b", milliseconds=60_000) is False
    await rig.directory.release("sweep", "a")
    assert await rig.other.hold("sweep", "b", milliseconds=60_000) is True
    assert await rig.other.hold("watch", "a", milliseconds=60_000) is True


async def test_the_first_workspace_stands(rig: Rig) -> None:
    assert await rig.directory.bind_workspace("mine") == "mine"
    assert await rig.other.bind_workspace("yours") == "mine"


async def test_who_falls_far_behind_the_changes_is_told_to_look_again(rig: Rig) -> None:
    owner = await rig.worker()
    await rig.session(owner)
    async with following(rig) as take:
        for _ in range(RECENT + 50):
            await rig.directory.drain("w1", draining=True)
        await rig.directory.drain("w1", draining=False)
        await heard(rig.directory)
        assert await take(1) == [Change()]
        drained = await rig.directory.drain("w1", draining=True)
        assert await take(1) == [Change(worker=drained)]


async def heard(directory: Directory) -> None:
    """Return when everything told so far has arrived in this process."""
    async with asyncio.timeout(DEADLINE), directory.changes() as changes:
        await directory.drain("w1", draining=False)
        await anext(changes)


async def test_a_wait_for_a_change_that_is_cancelled_at_any_moment_loses_nothing(rig: Rig) -> None:
    await rig.worker()
    async with rig.other.changes() as changes:
        for turns in range(25):
            waiting = asyncio.ensure_future(anext(changes))
            drained = await rig.directory.drain("w1", draining=bool(turns % 2))
            for _ in range(turns):
                await asyncio.sleep(0)
            waiting.cancel()
            (outcome,) = await asyncio.gather(waiting, return_exceptions=True)
            if not isinstance(outcome, Change):
                async with asyncio.timeout(DEADLINE):
                    outcome = await anext(changes)
            assert outcome == Change(worker=drained)


async def test_a_directory_that_is_away_says_so() -> None:
    memory = InMemoryDirectory()
    memory.away = True
    client = create_redis("unix:///nowhere/at/all", name="test")
    for directory in (memory, RedisDirectory(client, NAMES)):
        outcomes = await asyncio.gather(
            directory.register(worker(), floor=0),
            directory.sessions(),
            directory.find("u1"),
            directory.sweep(lost_after=0),
            directory.server_id(),
            directory.bind_workspace("x"),
            follow(directory),
            return_exceptions=True,
        )
        assert [type(outcome) for outcome in outcomes] == [DirectoryUnavailable] * 7
    await client.aclose()


async def follow(directory: Directory) -> None:
    async with directory.changes():
        pass
