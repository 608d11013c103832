"""A worker that is paused beyond its lease; services that are told to stop while everything is open."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from tests.conftest import Starts
from tests.support import processes, programs
from tests.support.client import Api
from tests.support.eventually import eventually

LEASE_SECONDS = 3.0
REFUSED_SECONDS = LEASE_SECONDS + 1.5
STOP_SECONDS = 3.0


async def test_a_worker_paused_beyond_its_lease_types_nothing_twice_and_writes_nothing_stale(
    stack: Starts, tmp_path: Path
) -> None:
    running, side = await stack(workers=2), tmp_path / "side"
    async with running.api() as api:
        session = await api.create(programs.record(side))
        async with api.viewer(session["uid"]) as viewer:
            await viewer.shows(programs.BEGUN)
            pid = await api.worker_pid(session["uid"])
            processes.kill(pid, signal.SIGSTOP)
            clock = asyncio.get_running_loop().time
            paused = clock()
            refused = await api.http.get(f"/api/sessions/{session['uid']}", timeout=20)
            assert (refused.status_code, refused.json()["code"]) == (503, "worker_unavailable")
            assert clock() - paused <= REFUSED_SECONDS
            await eventually(lambda: 1013 in viewer.codes, REFUSED_SECONDS)
            assert (await api.get("/api/sessions"))[0]["status"] == "unreachable"
            assert (await api.type(session["uid"], b"not now\n")).status_code == 503
            processes.kill(pid, signal.SIGCONT)
            await eventually(lambda: _typed(api, session["uid"], b"again\n"), 10)
            await viewer.shows(b"1\r\n")
            await eventually(lambda: _status(api, "running"), 5)
    assert side.read_bytes() == b"again\n"


async def test_events_tell_that_sessions_became_unreachable(stack: Starts) -> None:
    running = await stack(workers=2)
    async with running.api() as api:
        first, second = await api.create(programs.echo()), await api.create(programs.echo())
        assert first["worker"] != second["worker"]
        cursor = await _an_event_id(api)
        victim, witness = await api.worker_pid(first["uid"]), second
        processes.kill(victim, signal.SIGSTOP)
        try:
            await eventually(lambda: _unreachable_told(api, cursor, first["id"]), REFUSED_SECONDS + 4)
            assert (await api.session(witness["uid"]))["status"] == "running"
        finally:
            processes.kill(victim, signal.SIGCONT)


async def _an_event_id(api: Api) -> str:
    """The id of the oldest event that is kept."""
    url = f"ws{api.url.removeprefix('http')}/api/sessions/events?after=0"
    async with asyncio.timeout(5), connect(url, proxy=None) as socket:
        while True:
            frame = json.loads(await socket.recv())
            if frame["type"] != "reset":
                return str(frame["id"])


async def _unreachable_told(api: Api, after: str, session_id: str) -> bool:
    url = f"ws{api.url.removeprefix('http')}/api/sessions/events?after={after}"
    try:
        async with asyncio.timeout(1), connect(url, proxy=None) as socket:
            async for message in socket:
                frame = json.loads(message)
                if frame["type"] == "terminal_unreachable" and frame["session_id"] == session_id:
                    return True
    except TimeoutError:
        return False
    return False


@pytest.mark.parametrize("service", ["gateway", "worker"])
async def test_a_stopped_service_says_why_and_is_gone_within_three_seconds(stack: Starts, service: str) -> None:
    running = await stack()
    async with running.api() as api:
        session = await api.create(programs.echo())
        async with api.viewer(session["uid"]) as viewer, api.http.stream("GET", "/api/events/stream") as stream:
            await viewer.shows(programs.BEGUN)
            lines = stream.aiter_lines()
            assert await anext(lines) == "retry: 5000"
            await running.settled()
            pid = (running.gateway_pids if service == "gateway" else running.worker_pids)()[0]
            clock = asyncio.get_running_loop().time
            told = clock()
            processes.kill(pid, signal.SIGTERM)
            await eventually(lambda: not processes.alive(pid), STOP_SECONDS)
            assert clock() - told < STOP_SECONDS
            assert [line async for line in lines if line.startswith("event")] == [], "it ends, and cleanly"
            await viewer.reconnected(2)
            assert viewer.codes[0] == 1001
            await viewer.type(b"still here")
            await viewer.shows(b"still here")


async def test_ctrl_c_leaves_nothing_but_hosts_with_live_programs(stack: Starts) -> None:
    running = await stack(workers=2)
    async with running.api() as api:
        live, ended = await api.create(programs.echo()), await api.create(["true"])
        await eventually(lambda: _ended(api, ended["uid"]))
        services = running.service_pids()
        assert await running.stop() == 0
        await eventually(lambda: not any(processes.alive(pid) for pid in services))
        await eventually(lambda: len(running.host_pids()) == 1, what="the empty host has gone, the other stays")
        assert processes.alive(live["pid"])


async def _ended(api: Api, uid: str) -> bool:
    return bool((await api.session(uid))["status"] == "closed")


async def _status(api: Api, status: str) -> bool:
    return bool((await api.get("/api/sessions"))[0]["status"] == status)


async def _typed(api: Api, uid: str, data: bytes) -> bool:
    return (await api.type(uid, data)).status_code == 200
