"""Records of sessions and their tombstones, in memory and Redis alike."""

from __future__ import annotations

from directory_rig import Rig, following, running
from msgspec.structs import replace

from gestalt_contracts.directory import (
    Change,
)


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


async def test_the_hash_of_a_token_is_known_from_the_claim_on_and_outlives_the_session(rig: Rig) -> None:
    owner = await rig.worker()
    await rig.directory.claim(owner, "u1", "Coder", only=True, created_at=1.0, token_hash="cafe")
    assert (await rig.found("u1")).token_hash == "cafe"
    record = replace(running("u1", "Coder 1", owner), token_hash="cafe")
    await rig.directory.write(owner, [record])
    assert (await rig.found("u1")).token_hash == "cafe"
    assert "cafe" not in repr(record.summary)
    await rig.directory.end(owner, "u1", keep_seconds=60)
    assert (await rig.found("u1")).token_hash == "cafe"


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
