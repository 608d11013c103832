"""Redis killed, restarted, emptied: terminals never notice, streams resume or say reset, the directory is rebuilt."""

from __future__ import annotations

import asyncio
import json

from websockets.asyncio.client import connect

from gestalt_contracts.redis_client import create_redis
from tests.conftest import Starts
from tests.support import processes, programs
from tests.support.client import Api
from tests.support.eventually import eventually
from tests.support.listening import listening


async def test_a_killed_redis_is_not_noticed_by_terminals_and_costs_no_event(stack: Starts) -> None:
    running = await stack()
    async with running.api() as api, listening(api) as events:
        session = await api.create(programs.echo())
        async with api.viewer(session["uid"]) as viewer:
            await viewer.shows(programs.BEGUN)
            await running.settled(proven=True)
            processes.kill(running.redis_pid())
            await viewer.type(b"while it is away")
            await viewer.shows(b"while it is away", 1.0)
            await eventually(lambda: _created(api), 15, what="a session can be created again")
            assert viewer.connections == 1
        created = [frame["session_id"] for frame in events.frames if frame["type"] == "terminal_created"]
        await eventually(lambda: len(events.of("terminal_created", "Shell 2")) == 1, what="the new session is told")
        assert created.count("Shell 1") == 1
        assert [summary["id"] for summary in await api.get("/api/sessions")] == ["Shell 1", "Shell 2"]


async def test_without_redis_what_is_known_goes_on_and_nothing_new_starts(stack: Starts) -> None:
    running = await stack()
    async with running.api() as api:
        session = await api.create(programs.echo())
        async with api.viewer(session["uid"]) as viewer:
            await viewer.shows(programs.BEGUN)
            redis = running.redis_pid()
            processes.kill(redis, 19)
            try:
                await viewer.type(b"typed")
                await viewer.shows(b"typed", 1.0)
                refused = await api.http.post("/api/sessions", json={}, timeout=30)
                assert (refused.status_code, refused.json()["code"]) == (503, "service_unavailable")
                assert [summary["id"] for summary in await api.get("/api/sessions")] == ["Shell 1"]
            finally:
                processes.kill(redis, 18)
            await eventually(lambda: _created(api), 15)


async def test_an_emptied_redis_is_filled_again_from_the_slots_and_streams_say_reset(stack: Starts) -> None:
    running = await stack(workers=2)
    async with running.api() as api, listening(api) as events:
        sessions = [await api.create(programs.echo()) for _ in range(4)]
        await eventually(lambda: len(events.frames) >= 4)
        cursor = events.last
        client = create_redis(running.redis_url(), name="test")
        await client.flushall()
        await client.aclose()
        await eventually(lambda: _listed(api, 4), 10, what="all sessions are listed and running again")
        again = await api.create(programs.echo())
        assert again["id"] == "Shell 5"
        uids = {summary["uid"] for summary in await api.get("/api/sessions")}
        assert uids == {session["uid"] for session in [*sessions, again]}
        await eventually(lambda: events.of("terminal_created", "Shell 5"), what="events go on")
        assert await _first_frame(api, cursor) == "reset"


async def _created(api: Api) -> bool:
    return (await api.http.post("/api/sessions", json={})).status_code == 201


async def _listed(api: Api, count: int) -> bool:
    listed = await api.get("/api/sessions")
    return [summary["status"] for summary in listed] == ["running"] * count


async def _first_frame(api: Api, after: str | None) -> str:
    url = f"ws{api.url.removeprefix('http')}/api/sessions/events?after={after}"
    async with asyncio.timeout(5), connect(url, proxy=None) as socket:
        return str(json.loads(await socket.recv())["type"])
