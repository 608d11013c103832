"""Which session gets which name, in memory and Redis alike."""

from __future__ import annotations

import asyncio

from directory_rig import Rig, following

from gestalt_contracts.directory import (
    Change,
    Taken,
)


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
