"""Two gateways side by side: nothing in one is needed by the other, so any request may go to any of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from websockets.asyncio.client import ClientConnection, connect

from tests.resilience.test_kills import check_journal
from tests.support import processes, programs
from tests.support.client import Api
from tests.support.eventually import eventually
from tests.support.listening import listening
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")
TOKEN = "of both gateways"
CUTS = 6
BYTES_BETWEEN_CUTS = 300_000
LOGGED_OUT_SECONDS = 1.0

Both = tuple[Api, Api]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def both(system: Stack) -> AsyncIterator[Both]:
    """Clients of the gateway of `up` and of another one."""
    async with system.api() as one, system.second_gateway() as two, two:
        yield one, two


def stranger(api: Api, **headers: str) -> httpx.AsyncClient:
    """A client of the same gateway without its token."""
    return httpx.AsyncClient(base_url=api.url, trust_env=False, headers=headers)


def socket(api: Api, path: str, **headers: str) -> connect:
    """A WebSocket without the token."""
    return connect(f"ws{api.url.removeprefix('http')}{path}", additional_headers=headers, proxy=None)


async def close_of(connection: ClientConnection) -> tuple[int | None, str | None]:
    """How the server ends it."""
    async with asyncio.timeout(5):
        await connection.wait_closed()
    return connection.close_code, connection.close_reason


async def test_a_logout_on_one_ends_what_its_login_opened_on_the_other_and_nothing_else(both: Both) -> None:
    one, two = both
    session = await one.create(programs.echo())
    cookies = [await logged_in(api) for api in (one, one)]
    path = f"/ws/session/{session['uid']}?cursor=0"
    async with socket(two, path, Cookie=cookies[0]) as mine, socket(two, path, Cookie=cookies[1]) as others:
        assert await mine.recv() == await others.recv() == programs.BEGUN
        async with stranger(one, Cookie=cookies[0]) as leaving:
            assert (await leaving.post("/api/auth/logout")).status_code == 204
        async with asyncio.timeout(LOGGED_OUT_SECONDS):
            assert await close_of(mine) == (1008, "credential revoked")
        async with stranger(two, Cookie=cookies[0]) as gone, stranger(two, Cookie=cookies[1]) as still:
            assert (await gone.get("/api/status")).status_code == 401
            assert (await still.get("/api/status")).status_code == 200
        await others.send(b"still here")
        assert await others.recv() == b"still here"


async def logged_in(api: Api) -> str:
    """The cookie of a new login."""
    async with stranger(api) as visitor:
        answer = await visitor.post("/api/auth/login", json={"token": TOKEN})
    return str(answer.headers["set-cookie"].partition(";")[0])


async def test_a_ticket_of_one_opens_one_stream_on_the_other(both: Both) -> None:
    one, two = both
    ticket = (await one.http.post("/api/auth/ticket")).json()["ticket"]
    async with socket(two, f"/ws/events?ticket={ticket}"):
        pass
    for api in both:
        async with stranger(api) as late:
            assert (await late.get(f"/api/events/stream?ticket={ticket}")).status_code == 401


async def test_what_one_has_made_the_other_finds_at_once(both: Both) -> None:
    for number in range(10):
        maker, finder = both[number % 2], both[(number + 1) % 2]
        session = await maker.create(programs.echo(), title="shared")
        assert (await finder.session(session["id"]))["uid"] == session["uid"]
        assert (await finder.type(session["uid"], b"x", key="k")).status_code == 200
        again = await maker.type(session["uid"], b"x", key="k")
        assert again.headers["idempotency-replayed"] == "true"
        assert (await finder.delete(session["uid"])).status_code == 204
        assert (await maker.http.get(f"/api/sessions/{session['uid']}")).status_code == 404


async def test_a_viewer_that_changes_between_them_sees_every_byte_once(
    both: Both, system: Stack, tmp_path: Path
) -> None:
    one, two = both
    side = tmp_path / "side"
    session = await one.create(programs.numbered(0, side), cols=200)
    viewer = one.viewer(session["uid"], expected=programs.expected, keep=False, others=[two])
    async with viewer, listening(one, two) as events:
        for cut in range(CUTS):
            await viewer.reach(viewer.end + BYTES_BETWEEN_CUTS)
            await viewer.reconnected(cut + 1)
            viewer.cut()
        for api in (two, one):
            assert (await api.http.post(f"/api/sessions/{session['uid']}/bell")).status_code == 204
        await eventually(lambda: len(events.of("terminal_bell", session["id"])) == 2)
        assert (await two.http.post(f"/api/sessions/{session['uid']}/signal", json={"signal": "TERM"})).is_success
        assert await viewer.closed() == 1000
        assert viewer.resets == []
    check_journal(system, session["uid"], side)


async def test_while_one_is_killed_the_other_serves_and_streams_go_on_there(both: Both, system: Stack) -> None:
    one, two = both
    session = await one.create(programs.echo())
    async with two.viewer(session["uid"]) as steady, listening(one, two) as events:
        await steady.shows(programs.BEGUN)
        assert (await one.http.post(f"/api/sessions/{session['uid']}/resize", json={"cols": 9, "rows": 9})).is_success
        await eventually(lambda: events.last, what="it has an id to come back with")
        await system.settled()
        processes.kill(system.gateway_pids()[0])
        await steady.type(b"typed meanwhile")
        await steady.shows(b"typed meanwhile", 1.0)
        assert (await two.http.post(f"/api/sessions/{session['uid']}/bell")).status_code == 204
        await eventually(lambda: events.of("terminal_bell", session["id"]))
        assert steady.connections == 1
