"""The containers on a real engine: what the contract promises when they are killed, scaled and restarted."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx
import pytest

from tests.support.client import Api
from tests.support.compose import Composition
from tests.support.eventually import eventually

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

NORMAL, GOING_AWAY, UNAVAILABLE = 1000, 1001, 1013
FLOOD_BYTES = 200_000
ASKED = b"echo $((6 * 7))-typed\r"
ANSWERED = b"42-typed"
LEASE_SECONDS = 8.0  # a lease of three seconds, and what a busy machine takes to notice
LOST_SECONDS = 30.0
STOP_SECONDS = 3.0 + 1.0  # the promise, and what the engine takes


async def test_no_terminal_is_reached_without_the_token(composition: Composition) -> None:
    async with httpx.AsyncClient(base_url=composition.url, trust_env=False) as stranger:
        assert (await stranger.get("/healthz")).status_code == 200
        assert (await stranger.get("/api/sessions")).status_code == 401
        assert (await stranger.post("/api/sessions", json={})).status_code == 401


async def test_each_worker_serves_terminals_of_a_slot_of_its_own(api: Api) -> None:
    workers = await live_workers(api, 3)
    assert len({worker["host"] for worker in workers}) == 3
    sessions = await one_on_each(api, 3)
    assert {session["worker"] for session in sessions} == {worker["id"] for worker in workers}
    for session in sessions:
        await answers(api, session["uid"])


async def test_a_killed_containers_sessions_are_unreachable_then_closed_with_their_history(
    composition: Composition, api: Api
) -> None:
    sessions = await one_on_each(api, 3)
    victim, others = sessions[0], sessions[1:]
    await answers(api, victim["uid"])
    container = await container_of(api, victim)
    await in_thread(composition.docker, "kill", container)
    await shows(api, victim, "unreachable", LEASE_SECONDS)
    await refuses_as_unavailable(api, victim["uid"])
    for session in others:
        await answers(api, session["uid"])

    await in_thread(composition.docker, "start", container)
    closed = await shows(api, victim, "closed", LEASE_SECONDS)
    assert (closed["exit_code"], closed["close_reason"]) == (None, "worker lost")
    assert ANSWERED.decode() in await history(api, victim["uid"])
    await in_thread(composition.scale, 3)


async def test_a_container_killed_in_mid_flood_loses_nothing_that_was_written(
    composition: Composition, api: Api
) -> None:
    await live_workers(api, 3)
    flooding = await api.create(["bash", "-c", "stty -onlcr; for ((i = 0; ; i++)); do echo $i; done"])
    container = await container_of(api, flooding)
    async with api.viewer(flooding["uid"]) as viewer:
        await viewer.reach(FLOOD_BYTES, LOST_SECONDS)
        await in_thread(composition.docker, "kill", container)
        await in_thread(composition.docker, "start", container)
        assert await viewer.closed(LEASE_SECONDS) == NORMAL
        assert viewer.end == (await api.session(flooding["uid"]))["output_bytes"]
    *numbers, _ = viewer.data.split(b"\n")
    assert [int(number) for number in numbers] == list(range(len(numbers)))
    await in_thread(composition.scale, 3)


async def test_a_paused_containers_sessions_are_unreachable_then_go_on_with_their_programs(
    composition: Composition, api: Api
) -> None:
    sessions = await one_on_each(api, 3)
    victim, others = sessions[0], sessions[1:]
    container = await container_of(api, victim)
    async with api.viewer(victim["uid"]) as viewer:
        await viewer.ready()
        (await api.type(victim["uid"], b"mark=remembered\r")).raise_for_status()
        await in_thread(composition.docker, "pause", container)
        try:
            await shows(api, victim, "unreachable", LEASE_SECONDS)
            await refuses_as_unavailable(api, victim["uid"])
            await eventually(lambda: UNAVAILABLE in viewer.codes, LEASE_SECONDS)
            for session in others:
                await answers(api, session["uid"])
        finally:
            await in_thread(composition.docker, "unpause", container)
        await shows(api, victim, "running", LEASE_SECONDS)
        await viewer.ready(LEASE_SECONDS)
        (await api.type(victim["uid"], b"echo still-$mark\r")).raise_for_status()
        await viewer.shows(b"still-remembered", LEASE_SECONDS)
    # The engine calls a container that was paused unhealthy until it has looked again.
    await eventually(lambda: composition.inspect(container)["State"]["Health"]["Status"] == "healthy", LOST_SECONDS)


async def test_a_stopped_container_says_goodbye_in_time_and_its_sessions_are_closed_when_it_returns(
    composition: Composition, api: Api
) -> None:
    (session,) = await one_on_each(api, 1)
    container = await container_of(api, session)
    async with api.viewer(session["uid"]) as viewer:
        await viewer.ready()
        before = time.monotonic()
        await in_thread(composition.docker, "stop", container)
        assert time.monotonic() - before < STOP_SECONDS
        assert composition.inspect(container)["State"]["ExitCode"] == 0
        await eventually(lambda: viewer.codes[0] == GOING_AWAY, LEASE_SECONDS)
        await shows(api, session, "unreachable", LEASE_SECONDS)
        await in_thread(composition.scale, 3)
        await viewer.closed(LEASE_SECONDS)
    closed = await shows(api, session, "closed", LEASE_SECONDS)
    assert (closed["exit_code"], closed["close_reason"]) == (None, "worker lost")


async def test_a_worker_that_dies_is_brought_back_by_the_engine_with_what_its_sessions_wrote(
    composition: Composition, api: Api
) -> None:
    (session,) = await one_on_each(api, 1)
    await answers(api, session["uid"])
    container = await container_of(api, session)
    pid = await api.worker_pid(session["uid"])
    await in_thread(composition.docker, "exec", container, "bash", "-c", f"kill -9 {pid}")
    closed = await shows(api, session, "closed", LEASE_SECONDS)
    assert (closed["exit_code"], closed["close_reason"]) == (None, "worker lost")
    assert ANSWERED.decode() in await history(api, session["uid"])
    await live_workers(api, 3)


async def test_containers_full_of_processes_start_nothing_and_serve_what_they_have(
    composition: Composition, api: Api
) -> None:
    sessions = await one_on_each(api, 3)
    containers = composition.containers("session-service")
    limit = str(composition.inspect(containers[0])["HostConfig"]["PidsLimit"])
    await in_thread(composition.docker, "update", "--pids-limit", "1", *containers)
    try:
        refused = await api.http.post("/api/sessions", json={})
        assert (refused.status_code, refused.json()["code"]) == (503, "service_unavailable")
        for session in sessions:
            await answers(api, session["uid"])
    finally:
        await in_thread(composition.docker, "update", "--pids-limit", limit, *containers)
    await api.create(["bash", "--norc"])


async def test_sessions_of_workers_scaled_away_are_lost_and_their_names_free(
    composition: Composition, api: Api
) -> None:
    sessions = await one_on_each(api, 3)
    for session in sessions:
        await answers(api, session["uid"])
    await in_thread(composition.scale, 1)
    (left,) = await live_workers(api, 1)
    lost = [session for session in sessions if session["worker"] != left["id"]]
    assert len(lost) == 2
    for session in lost:
        await shows(api, session, "lost", LOST_SECONDS)
        assert ANSWERED.decode() in await history(api, session["uid"])
    again = await api.create(["bash", "--norc"], title=lost[0]["title"])
    assert (again["id"], again["worker"]) == (lost[0]["id"], left["id"])

    await in_thread(composition.scale, 3)
    await live_workers(api, 3)
    await answers(api, again["uid"])
    returned = await shows(api, lost[1], "closed", LEASE_SECONDS)
    assert (returned["exit_code"], returned["close_reason"]) == (None, "worker lost")
    assert (await api.session(again["id"]))["uid"] == again["uid"], "a name that was taken stays with who took it"
    for session in lost:
        assert ANSWERED.decode() in await history(api, session["uid"])


@pytest.mark.parametrize("ends", ["restart", "kill"])
@pytest.mark.parametrize("service", ["redis", "gateway"])
async def test_the_end_of_what_holds_no_terminal_loses_nothing(
    composition: Composition, api: Api, service: str, ends: str
) -> None:
    sessions = await one_on_each(api, 3)
    async with api.viewer(sessions[0]["uid"]) as viewer:
        await viewer.ready()
        await in_thread(composition.compose, ends, service)
        await in_thread(composition.scale, 3)
        await eventually(lambda: same_sessions(api, sessions), LOST_SECONDS)
        for session in sessions:
            await answers(api, session["uid"])
        await viewer.shows(ANSWERED, LEASE_SECONDS)


async def test_terminals_answer_while_redis_is_away_and_services_log_no_error(
    composition: Composition, api: Api
) -> None:
    sessions = await one_on_each(api, 3)
    await in_thread(composition.compose, "kill", "redis")
    try:
        for session in sessions:
            await answers(api, session["uid"])
        refused = await api.http.post("/api/sessions", json={})
        assert (refused.status_code, refused.json()["code"]) == (503, "service_unavailable")
    finally:
        await in_thread(composition.scale, 3)
    await eventually(lambda: api.create(["bash", "--norc"]), LEASE_SECONDS)
    logs = await asyncio.to_thread(composition.compose, "logs", "--no-log-prefix", "gateway", "session-service")
    assert [line for line in logs.splitlines() if '"level":"error"' in line] == []


async def test_what_was_taken_down_and_brought_up_again_still_has_its_history(
    composition: Composition, api: Api
) -> None:
    sessions = await one_on_each(api, 3)
    for session in sessions:
        await answers(api, session["uid"])
    await in_thread(composition.compose, "down")
    await in_thread(composition.scale, 3)
    for session in sessions:
        closed = await shows(api, session, "closed", LEASE_SECONDS)
        assert (closed["exit_code"], closed["close_reason"]) == (None, "worker lost")
        assert ANSWERED.decode() in await history(api, session["uid"])


async def in_thread(call: Any, *args: Any) -> None:
    """A blocking command, while viewers go on."""
    await asyncio.to_thread(call, *args)


async def live_workers(api: Api, count: int) -> list[dict[str, Any]]:
    """The workers that take sessions, once there are `count` of them."""

    async def counted() -> list[dict[str, Any]]:
        live = [worker for worker in await api.get("/api/workers") if worker["state"] == "live"]
        assert len(live) == count, live
        return live

    return await eventually(counted, LOST_SECONDS)


async def one_on_each(api: Api, count: int) -> list[dict[str, Any]]:
    """A shell on each of `count` of the three workers: the one with most free capacity gets the next."""
    await live_workers(api, 3)
    by_worker: dict[str, dict[str, Any]] = {}

    async def placed() -> bool:
        created = await api.create(["bash", "--norc"], title=f"Placed {len(by_worker)}")
        by_worker.setdefault(created["worker"], created)
        return len(by_worker) == count

    await eventually(placed, LOST_SECONDS)
    return list(by_worker.values())


async def answers(api: Api, uid: str) -> None:
    """The session's shell does what is typed."""
    async with api.viewer(uid) as viewer:
        await viewer.ready(LEASE_SECONDS)
        (await api.type(uid, ASKED)).raise_for_status()
        await viewer.shows(ANSWERED, LEASE_SECONDS)


async def shows(api: Api, session: dict[str, Any], status: str, deadline: float) -> dict[str, Any]:
    """The list says `status` of this session within `deadline` seconds; its summary."""

    async def listed() -> dict[str, Any]:
        summary: dict[str, Any] = next(s for s in await api.get("/api/sessions") if s["uid"] == session["uid"])
        assert summary["status"] == status, summary
        return summary

    return await eventually(listed, deadline)


async def same_sessions(api: Api, sessions: list[dict[str, Any]]) -> bool:
    """All of them are listed as running."""
    running = {s["uid"] for s in await api.get("/api/sessions") if s["status"] == "running"}
    return {session["uid"] for session in sessions} <= running


async def refuses_as_unavailable(api: Api, uid: str) -> None:
    """Reading and typing fail at once, in the contract's words."""
    for answer in (await api.http.get(f"/api/sessions/{uid}/output"), await api.type(uid, ASKED)):
        assert (answer.status_code, answer.json()["code"]) == (503, "worker_unavailable")


async def history(api: Api, uid: str) -> str:
    """What the session has shown."""
    return "\n".join((await api.get(f"/api/sessions/{uid}/history", lines=100))["lines"])


async def container_of(api: Api, session: dict[str, Any]) -> str:
    """The container that holds a session: a worker's host name is its container's id."""
    return next(str(w["host"]) for w in await api.get("/api/workers") if w["id"] == session["worker"])
