"""A worker that is paused beyond its lease; services that are told to stop while everything is open."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.conftest import Starts
from tests.support import processes, programs
from tests.support.client import Api, Viewer
from tests.support.eventually import eventually
from tests.support.listening import Listener, listening

LEASE_SECONDS = 3.0
REFUSED_SECONDS = LEASE_SECONDS + 1.5
STOP_SECONDS = 3.0
LARGE = 300_000
"""Bytes of an input that is streamed: it lies in sockets while its reader stands still."""


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


async def test_what_was_refused_while_its_worker_stood_still_is_not_done_when_it_goes_on(
    stack: Starts, tmp_path: Path
) -> None:
    running, side = await stack(), tmp_path / "side"
    async with running.api() as api:
        session = await api.create(programs.record(side))
        await eventually(side.exists)
        pid = await api.worker_pid(session["uid"])
        processes.kill(pid, signal.SIGSTOP)
        try:
            small = [api.type(session["uid"], b"small %d\n" % number) for number in range(20)]
            large = [api.type(session["uid"], b"large %d" % number + b"x" * LARGE + b"\n") for number in range(4)]
            ghosts = [api.http.post("/api/sessions", json={"title": "ghost"}) for _ in range(2)]
            ended = api.http.post(f"/api/sessions/{session['uid']}/signal", json={"signal": "KILL"})
            refused = await asyncio.gather(*small, *large, *ghosts, ended)
            assert {answer.status_code for answer in refused} == {503}
        finally:
            processes.kill(pid, signal.SIGCONT)
        await eventually(lambda: _typed(api, session["uid"], b"again\n"), 10)
        await eventually(lambda: _created(api, "real"), 10)
        assert [listed["id"] for listed in await api.get("/api/sessions")] == [session["id"], "real 1"]
    assert side.read_bytes() == b"again\n"


@pytest.mark.parametrize("service", ["gateway", "worker"])
async def test_a_stopped_service_says_why_and_is_gone_within_three_seconds(stack: Starts, service: str) -> None:
    running = await stack()
    async with running.api() as api, everything_open(api) as (viewer, events, lines):
        await running.settled()
        pid = (running.gateway_pids if service == "gateway" else running.worker_pids)()[0]
        await gone_in_time(pid)
        assert [line async for line in lines if line.startswith("event")] == [], "it ends, and cleanly"
        await viewer.reconnected(2)
        await eventually(lambda: events.connections > 1)
        assert (viewer.codes[0], events.codes[0]) == (1001, 1001)
        await viewer.type(b"still here")
        await viewer.shows(b"still here")
        assert (viewer.resets, events.of("reset")) == ([], [])


async def gone_in_time(pid: int) -> None:
    """Tell it to stop, and see it go within STOP_SECONDS."""
    clock = asyncio.get_running_loop().time
    told = clock()
    processes.kill(pid, signal.SIGTERM)
    await eventually(lambda: processes.gone(pid), STOP_SECONDS)
    assert clock() - told < STOP_SECONDS


@asynccontextmanager
async def everything_open(api: Api) -> AsyncIterator[tuple[Viewer, Listener, AsyncIterator[str]]]:
    """A session with a viewer, a WebSocket of events, and the lines of an event stream."""
    session = await api.create(programs.echo())
    async with (
        api.viewer(session["uid"]) as viewer,
        listening(api, after="0-0") as events,
        api.http.stream("GET", "/api/events/stream", timeout=None) as stream,
    ):
        await viewer.shows(programs.BEGUN)
        await eventually(lambda: events.of("terminal_created", session["id"]))
        lines = stream.aiter_lines()
        assert await anext(lines) == "retry: 5000"
        yield viewer, events, lines


async def test_ctrl_c_closes_every_stream_and_leaves_nothing_but_hosts_with_live_programs(stack: Starts) -> None:
    running = await stack(workers=2)
    async with running.api() as api, everything_open(api) as (viewer, events, lines):
        ended = await api.create(["true"])
        await eventually(lambda: _ended(api, ended["uid"]))
        services = running.service_pids()
        assert await running.stop(signal.SIGINT) == 0
        await eventually(lambda: not any(map(processes.alive, services)))
        await eventually(lambda: len(running.host_pids()) == 1, what="the empty host has gone, the other stays")
        assert len(running.program_pids()) == 1
        assert [line async for line in lines if line.startswith("event")] == []
        assert (viewer.codes[0], events.codes[0]) == (1001, 1001)


async def test_a_host_that_is_told_to_stop_is_replaced_and_its_programs_live_on(stack: Starts) -> None:
    running = await stack()
    async with running.api() as api, everything_open(api) as (viewer, _, _):
        (program,) = running.program_pids()
        (host,) = running.host_pids()
        processes.kill(host, signal.SIGTERM)
        await viewer.type(b"still here")
        await viewer.shows(b"still here", 2.0)
        assert running.program_pids() == [program]
        assert (viewer.connections, viewer.resets) == (1, [])


async def _ended(api: Api, uid: str) -> bool:
    return bool((await api.session(uid))["status"] == "closed")


async def _status(api: Api, status: str) -> bool:
    return bool((await api.get("/api/sessions"))[0]["status"] == status)


async def _created(api: Api, title: str) -> bool:
    return (await api.http.post("/api/sessions", json={"title": title})).status_code == 201


async def _typed(api: Api, uid: str, data: bytes) -> bool:
    return (await api.type(uid, data)).status_code == 200
