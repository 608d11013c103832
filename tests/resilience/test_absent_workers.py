"""A worker that is away: its sessions are unreachable, then lost, and are told what became of them when it returns."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any

from websockets.asyncio.client import connect

from tests.conftest import Starts
from tests.support import processes, programs
from tests.support.client import Api
from tests.support.eventually import eventually
from tests.support.listening import Listener, listening

LEASE_SECONDS = 3.0
REFUSED_SECONDS = LEASE_SECONDS + 1.5
"""From its death to the first refusal: callers never hang (architecture §9)."""
LOST_SECONDS = 2.0
UNAVAILABLE = {
    "message": "session worker unavailable",
    "error": "session worker unavailable",
    "code": "worker_unavailable",
}
ROUTES: list[tuple[str, str, bytes | None]] = [
    ("GET", "", None),
    ("PATCH", "", b"{}"),
    ("GET", "/output", None),
    ("GET", "/history", None),
    ("GET", "/recording", None),
    ("GET", "/progress", None),
    ("GET", "/input-history", None),
    ("POST", "/input-history", b'{"command":"c"}'),
    ("POST", "/input", b"x"),
    ("POST", "/bell", None),
    ("POST", "/activate", None),
    ("POST", "/resize", b'{"cols":80,"rows":24}'),
    ("POST", "/signal", b'{"signal":"CONT"}'),
]


@contextmanager
def paused(pid: int) -> Iterator[None]:
    """A process that stands still."""
    processes.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        processes.kill(pid, signal.SIGCONT)


async def created_on(api: Api, number: int, *titles: str) -> list[dict[str, Any]]:
    """Sessions of these titles on one of the workers: the others take none meanwhile. They say `on` without pause."""
    ids = [worker["id"] for worker in await api.get("/api/workers")]
    others = [worker for worker in ids if worker != ids[number]]
    for worker in others:
        await drain(api, worker, draining=True)
    made = [await api.create("while echo on; do sleep 0.1; done", title=title) for title in titles]
    for worker in others:
        await drain(api, worker, draining=False)
    assert {session["worker"] for session in made} == {ids[number]}
    return made


async def drain(api: Api, worker: str, *, draining: bool) -> None:
    answer = await api.http.patch(f"/api/workers/{worker}", json={"draining": draining})
    assert answer.json()["state"] == ("draining" if draining else "live")


async def statuses(api: Api) -> dict[str, str]:
    """What the list says, by uid."""
    return {session["uid"]: session["status"] for session in await api.get("/api/sessions")}


async def has_status(api: Api, uids: list[str], status: str | None) -> bool:
    """Whether the list says so of all of these; None: it does not have them."""
    known = await statuses(api)
    return {known.get(uid) for uid in uids} == {status}


async def is_unavailable(api: Api, uid: str, route: tuple[str, str, bytes | None]) -> None:
    method, path, body = route
    async with asyncio.timeout(1):
        answer = await api.http.request(method, f"/api/sessions/{uid}{path}", content=body)
    assert (answer.status_code, answer.json()) == (503, UNAVAILABLE), route


async def closed_with(api: Api, uid: str) -> int | None:
    """The code with which its socket, once accepted, is closed."""
    async with connect(f"ws{api.url.removeprefix('http')}/ws/session/{uid}?cursor=0", proxy=None) as socket:
        async with asyncio.timeout(5):
            await socket.wait_closed()
        return socket.close_code


async def test_an_unreachable_session_fails_fast_and_its_deletion_is_obeyed_later(stack: Starts) -> None:
    running = await stack(workers=2)
    async with running.api() as api, listening(api) as events:
        left, deleted = await created_on(api, 0, "left", "deleted")
        (here,) = await created_on(api, 1, "here")
        clock = asyncio.get_running_loop().time
        with paused(await api.worker_pid(left["uid"])):
            begun = clock()
            first = await api.http.get(f"/api/sessions/{left['uid']}")
            assert clock() - begun <= REFUSED_SECONDS
            assert (first.status_code, first.json()) == (503, UNAVAILABLE)
            for route in ROUTES:
                await is_unavailable(api, left["uid"], route)
            assert await closed_with(api, left["uid"]) == 1013
            await eventually(lambda: has_status(api, [left["uid"], deleted["uid"]], "unreachable"))
            states = {worker["id"]: worker["state"] for worker in await api.get("/api/workers")}
            assert states == {left["worker"]: "gone", here["worker"]: "live"}
            for ref in (deleted["id"], deleted["uid"]):
                assert (await api.delete(ref)).status_code == 202
            assert (await statuses(api))[deleted["uid"]] == "closing"
            assert (await api.session(here["uid"]))["status"] == "running"
            await told_once(events, "terminal_unreachable", left["id"], deleted["id"])
        await eventually(lambda: has_status(api, [left["uid"]], "running"))
        await eventually(lambda: has_status(api, [deleted["uid"]], None))
        await eventually(lambda: processes.gone(deleted["pid"]))
        assert (await api.type(left["uid"], b"back")).status_code == 200
        assert (await api.http.get(f"/api/sessions/{deleted['uid']}")).status_code == 404
        await eventually(lambda: events.of("terminal_closed", deleted["id"]))
        assert len(events.of("terminal_unreachable")) == 2


async def told_once(events: Listener, kind: str, *session_ids: str) -> None:
    """Wait for that event of each of these."""
    for session_id in session_ids:
        await eventually(partial(events.of, kind, session_id), what=f"{kind} of {session_id}")
        assert len(events.of(kind, session_id)) == 1


async def test_a_lost_session_gives_its_name_away_and_keeps_it_if_nobody_took_it(stack: Starts) -> None:
    running = await stack(workers=2, variables={"GESTALT_LOST_AFTER": f"{LOST_SECONDS:g}s"})
    async with running.api() as api, listening(api) as events:
        kept, taken, deleted = await created_on(api, 0, "kept", "taken", "deleted")
        uids = [session["uid"] for session in (kept, taken, deleted)]
        with paused(await api.worker_pid(kept["uid"])):
            await eventually(lambda: has_status(api, uids, "lost"), LEASE_SECONDS + LOST_SECONDS + 3)
            await told_once(events, "terminal_lost", kept["id"], taken["id"], deleted["id"])
            assert "on\r" in (await api.get(f"/api/sessions/{kept['uid']}/history"))["lines"]
            heir = await api.create(programs.echo(), title="taken")
            assert (heir["id"], heir["worker"] != taken["worker"]) == (taken["id"], True)
            assert (await api.delete(deleted["uid"])).status_code == 202
        async with watched(api, heir):
            await eventually(lambda: has_status(api, [kept["uid"], heir["uid"]], "running"))
            await eventually(lambda: has_status(api, [taken["uid"], deleted["uid"]], None))
        await eventually(lambda: processes.gone(taken["pid"]) and processes.gone(deleted["pid"]))
        assert (await api.session(taken["id"]))["uid"] == heir["uid"]
        assert (await api.session(kept["id"]))["pid"] == kept["pid"]


@asynccontextmanager
async def watched(api: Api, heir: dict[str, Any]) -> AsyncIterator[None]:
    """Meanwhile the name is its new owner's: whoever returns writes nothing of what it had before."""
    task = asyncio.create_task(watch(api, heir))
    try:
        yield
    finally:
        task.cancel()
        (ended,) = await asyncio.gather(task, return_exceptions=True)
    assert isinstance(ended, asyncio.CancelledError), repr(ended)


async def watch(api: Api, heir: dict[str, Any]) -> None:
    """Until cancelled. Raises AssertionError."""
    while True:
        assert (await api.session(heir["id"]))["uid"] == heir["uid"]
        running = [session["id"] for session in await api.get("/api/sessions") if session["status"] == "running"]
        assert len(running) == len(set(running)), running
