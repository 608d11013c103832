"""A worker whose directory, bus or idempotency store is away, who drains, who tidies: what goes on, what is refused."""

from __future__ import annotations

from functools import partial

import pytest
from session_world import ECHO, QUIET, Running, World, eventually, of, refused

pytestmark = pytest.mark.asyncio(loop_scope="module")
NO_REDIS = "no session can be started while Redis is away"
KEY = {"Idempotency-Key": "k"}


async def created(worker: Running) -> bool:
    return (await worker.http.post("/api/sessions", json={"command": QUIET})).status_code == 201


async def unlisted(worker: Running, uid: str) -> bool:
    return uid not in [session["uid"] for session in await worker.get("/api/sessions")]


async def test_while_the_directory_is_away_nothing_starts_and_terminals_go_on(world: World) -> None:
    worker = await world.start()
    kept = await worker.create(ECHO)
    async with worker.view(kept["uid"], "cursor=0") as viewer:
        await viewer.shows(b"ready")
        world.directory.away = True
        refused(await worker.http.post("/api/sessions", json={"command": QUIET}), 503, NO_REDIS, "service_unavailable")
        assert (await worker.type(kept["uid"], b"typed")).json() == {"bytes": 5}
        await viewer.shows(b"typed")
        assert (await worker.session(kept["uid"]))["status"] == "running"
        async with worker.view(kept["uid"], "cursor=0") as late:
            await late.shows(b"readytyped")
        assert len(world.programs()) == 1
        world.directory.away = False
        await eventually(partial(created, worker))


async def test_what_is_deleted_while_the_directory_is_away_is_off_the_list_once_it_is_back(world: World) -> None:
    worker = await world.start()
    session = await worker.create(QUIET)
    world.directory.away = True
    assert (await worker.http.delete(of(session["uid"]))).status_code == 204
    refused(await worker.http.get(of(session["uid"])), 404, "terminal not found")
    world.directory.away = False
    await eventually(partial(unlisted, worker, session["uid"]))


async def test_a_worker_starts_and_serves_before_its_directory_is_there(world: World) -> None:
    world.directory.away = True
    worker = await world.start()
    refused(await worker.http.post("/api/sessions", json={"command": QUIET}), 503, NO_REDIS, "service_unavailable")
    world.directory.away = False
    await eventually(partial(created, worker))


async def test_without_its_store_a_keyed_request_is_refused_and_an_unkeyed_one_is_taken(world: World) -> None:
    worker = await world.start()
    session = await worker.create(ECHO)
    world.idempotency.away = True
    async with worker.view(session["uid"], "cursor=0") as viewer:
        await viewer.shows(b"ready")
        answer = await worker.type(session["uid"], b"keyed", key="k")
        assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")
        assert (await worker.http.post("/api/sessions", json={}, headers=KEY)).status_code == 503
        assert (await worker.type(session["uid"], b"bare")).status_code == 200
        await viewer.shows(b"readybare")


async def test_without_the_bus_streams_are_refused_as_each_can_be_and_sessions_start(world: World) -> None:
    worker = await world.start()
    world.bus.away = True
    refused(await worker.http.get("/api/events/stream"), 503, "event stream unavailable")
    async with worker.listen("/api/sessions/events") as listener:
        assert await listener.closed() == (1013, "event bus unavailable")
    session = await worker.create(QUIET)
    world.bus.away = False
    async with worker.listen("/api/sessions/events?after=0") as listener:
        assert (await listener.hears("terminal_created"))["session_id"] == session["id"]


async def test_a_session_that_ends_at_once_is_told_as_created_first(world: World) -> None:
    worker = await world.start()
    async with worker.listen("/api/sessions/events") as listener:
        for count in range(1, 11):
            await worker.create(["true"])
            await listener.hears("terminal_closed", count)
    kinds = [word["type"] for word in listener.words if word["type"] in {"terminal_created", "terminal_closed"}]
    assert kinds == ["terminal_created", "terminal_closed"] * 10


async def test_a_draining_worker_takes_nothing_and_says_when_its_last_session_has_ended(world: World) -> None:
    worker = await world.start(draining=True)
    (listed,) = await worker.get("/api/workers")
    assert (listed["state"], listed["sessions"]) == ("draining", 0)
    refused(await worker.http.post("/api/sessions", json={"command": QUIET}), 503, "this worker takes no new sessions")
    await eventually(worker.empty.is_set)


async def test_draining_is_asked_for_and_taken_back(world: World) -> None:
    worker = await world.start()
    kept = await worker.create(QUIET)
    path = f"/api/workers/{kept['worker']}"
    assert (await worker.http.patch(path, json={"draining": True})).json()["state"] == "draining"
    assert (await worker.http.post("/api/sessions", json={"command": QUIET})).status_code == 503
    assert (await worker.session(kept["uid"]))["status"] == "running"
    assert (await worker.http.patch(path, json={"draining": False})).json()["state"] == "live"
    assert await created(worker)


async def test_a_closed_session_leaves_the_list_after_its_time_and_its_journal_stays(world: World) -> None:
    worker = await world.start(closed_session_ttl=0.1)
    running, session = await worker.create(QUIET), await worker.create(["printf", "kept"])
    await eventually(partial(unlisted, worker, session["uid"]))
    refused(await worker.http.get(of(session["uid"])), 404, "terminal not found")
    for ref in (session["uid"], session["id"]):
        assert (await worker.get(of(ref, "history")))["lines"] == ["kept"]
    assert not await unlisted(worker, running["uid"])


async def test_operators_read_what_they_alert_on(world: World) -> None:
    worker = await world.start()
    session = await worker.create(ECHO)
    async with worker.view(session["uid"], "cursor=0") as viewer:
        await viewer.shows(b"ready")
        text = (await worker.http.get("/metrics")).text
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert values["gestalt_sessions"] == values["gestalt_viewers"] == "1.0"
    assert float(values["gestalt_capacity"]) > 1
    assert float(values["gestalt_journal_bytes"]) >= len(b"ready")
    assert 0 <= float(values["gestalt_lease_age_seconds"]) < 5
    assert values["gestalt_events_waiting"] == values["gestalt_own_spans_waiting"] == "0.0"
    assert "gestalt_event_loop_lag_seconds_count" in values
    assert (await worker.stranger.get("/metrics")).status_code == 401
