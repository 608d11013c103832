"""A worker that ends and comes back: programs, bytes, records (architecture §5, §9)."""

from __future__ import annotations

import asyncio
import time

import pytest
from session_world import QUIET, Running, World, eventually, of

from gestalt_contracts.idempotency import Owner, fingerprint_of, key_of
from gestalt_contracts.uids import new_uid

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def listed(worker: Running) -> list[str]:
    return [session["uid"] for session in await worker.get("/api/sessions")]


# -- what is noted and not here


async def test_a_session_deleted_while_redis_was_away_is_off_every_list_once_it_is_back(world: World) -> None:
    worker, other = await world.start(), await world.start()
    made = await worker.create(["sh", "-c", "echo kept; sleep 600"], title="away")
    await worker.shows(made["uid"], "kept")
    world.directory.away = True
    assert (await worker.http.delete(of(made["uid"]))).status_code == 204
    world.directory.away = False

    async def forgotten() -> bool:
        return made["uid"] not in await listed(other)

    await eventually(forgotten)
    assert (await other.create(QUIET, title="away"))["id"] == made["id"]
    assert (await other.get(of(made["uid"], "history"), format="text"))["lines"] == ["kept"]


async def test_a_name_claimed_just_before_a_crash_is_free_again(world: World) -> None:
    worker = await world.start()
    uid = new_uid()
    await world.directory.claim(worker.service.membership.record, uid, "ghost", only=False, created_at=time.time())
    await worker.stop()
    worker = await world.start()
    assert await listed(worker) == []
    assert await world.directory.find(uid) is None
    assert (await worker.create(QUIET, title="ghost"))["id"] == "ghost 1"


async def test_who_retries_a_creation_that_a_crash_cut_short_gets_a_session_that_everybody_sees(world: World) -> None:
    worker = await world.start()
    uid, record = new_uid(), worker.service.membership.record
    dead = Owner(record.id, record.generation)
    body = b'{"title":"retried","command":["sleep","600"]}'
    claim = key_of("POST", "/api/sessions", "k")
    await world.idempotency.begin(claim, fingerprint_of(body, b""), dead, detail=uid)
    await world.directory.claim(record, uid, "retried", only=False, created_at=time.time())
    await worker.stop()
    world.idempotency.buried.add(dead)
    worker, other = await world.start(), await world.start()
    answer = await worker.http.post("/api/sessions", content=body, headers={"Idempotency-Key": "k"})
    assert (answer.status_code, answer.json()["id"], answer.json()["uid"]) == (201, "retried 1", uid)
    assert await listed(other) == [uid]


async def test_a_creation_under_way_is_not_disowned(world: World) -> None:
    worker = await world.start()
    making = [asyncio.create_task(worker.create(QUIET, title="making")) for _ in range(10)]
    for _ in range(10):
        await worker.service.membership.register()
    made = [(await each)["uid"] for each in making]
    await worker.service.membership.register()
    assert sorted(await listed(worker)) == sorted(made)
    assert {record.uid for record in await world.directory.sessions()} == set(made)
