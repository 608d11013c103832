"""Event streams: ids, resume without loss, resets that are said (contract §4)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from tests.support import programs
from tests.support.client import Api

pytestmark = pytest.mark.asyncio(loop_scope="module")
TOKEN = "the token of this module"
SECONDS = 5.0


def socket(api: Api, path: str) -> connect:
    url = f"ws{api.url.removeprefix('http')}{path}"
    return connect(url, additional_headers={"Authorization": f"Bearer {api.token}"}, proxy=None)


async def frame(connection: ClientConnection) -> dict[str, Any]:
    """The next one."""
    async with asyncio.timeout(SECONDS):
        found: dict[str, Any] = json.loads(await connection.recv())
    return found


async def events(stream: httpx.Response) -> AsyncIterator[dict[str, Any]]:
    """Data of an SSE stream; each has its id twice."""
    number = ""
    async for line in stream.aiter_lines():
        if line.startswith("id: "):
            number = line.removeprefix("id: ")
        elif line.startswith("data: "):
            event = json.loads(line.removeprefix("data: "))
            assert event.get("id", "") == number
            number = ""
            yield event


@pytest.mark.parametrize("path", ["/api/sessions/events", "/ws/events", "/ws/session/x", "/api/events/stream"])
async def test_without_a_token_no_stream_starts(api: Api, path: str) -> None:
    if path.endswith("stream"):
        async with httpx.AsyncClient(base_url=api.url, trust_env=False) as stranger:
            answer = await stranger.get(path)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        return
    with pytest.raises(InvalidStatus) as refused:
        async with connect(f"ws{api.url.removeprefix('http')}{path}", proxy=None):
            pass
    assert refused.value.response.status_code == 401


async def test_rest_takes_no_token_from_the_query_and_streams_do(api: Api) -> None:
    async with httpx.AsyncClient(base_url=api.url, trust_env=False, params={"token": TOKEN}) as stranger:
        assert (await stranger.get("/api/status")).status_code == 401
        async with stranger.stream("GET", "/api/events/stream") as stream:
            assert stream.status_code == 200


async def test_a_ticket_opens_one_stream_once(api: Api) -> None:
    ticket = (await api.http.post("/api/auth/ticket")).json()
    assert ticket["expires_in"] == 30
    async with httpx.AsyncClient(base_url=api.url, trust_env=False, params={"ticket": ticket["ticket"]}) as stranger:
        async with stranger.stream("GET", "/api/events/stream") as stream:
            assert stream.status_code == 200
        assert (await stranger.get("/api/events/stream")).status_code == 401


async def test_a_wrong_method_on_a_stream_is_refused(api: Api) -> None:
    answer = await api.http.post("/api/events/stream")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")


async def test_events_have_the_documented_keys_and_resume_by_id(api: Api) -> None:
    async with socket(api, "/api/sessions/events") as live:
        session = await api.create(programs.echo(), title="told")
        created = await frame(live)
        assert set(created) == {"type", "session_id", "timestamp", "id"}
        assert (created["type"], created["session_id"]) == ("terminal_created", session["id"])
    await api.http.post(f"/api/sessions/{session['uid']}/resize", json={"cols": 99, "rows": 33})
    await api.delete(session["uid"])
    kinds = []
    async with socket(api, f"/api/sessions/events?after={created['id']}") as resumed:
        while "terminal_closed" not in kinds:
            kinds.append((await frame(resumed))["type"])
    assert [kind for kind in kinds if kind != "terminal_active"] == ["terminal-resized", "terminal_closed"]


async def test_an_unknown_id_is_told_first_and_then_comes_what_is_kept(api: Api) -> None:
    await api.create(programs.echo())
    for after in ("nonsense", "99999999999999-0"):
        async with socket(api, f"/ws/events?after={after}") as watching:
            told = await frame(watching)
            assert set(told) == {"type", "reason", "oldest"}
            assert told["type"] == "reset"
    async with api.http.stream("GET", "/api/events/stream", headers={"Last-Event-ID": "x"}) as stream:
        found = events(stream)
        assert (await anext(found))["type"] == "reset"
        async with asyncio.timeout(SECONDS):
            assert [kept async for kept in _until_terminal(found)]


async def _until_terminal(found: AsyncIterator[dict[str, Any]]) -> AsyncIterator[dict[str, Any]]:
    """What is kept, up to the first word about a terminal: other services have their say, too."""
    async for event in found:
        yield event
        if event["type"].startswith("terminal"):
            return


async def test_sse_begins_with_retry_and_keeps_to_the_wanted_types(api: Api) -> None:
    async with api.http.stream("GET", "/api/events/stream?types=terminal_bell") as stream:
        lines = stream.aiter_lines()
        assert await anext(lines) == "retry: 5000"
        session = await api.create(["sh", "-c", "printf '\\a\\a'; sleep 600"])
        async with asyncio.timeout(SECONDS):
            data = [line async for line in _until_data(lines)]
        event = json.loads(data[-1].removeprefix("data: "))
        assert (event["type"], event["session_id"]) == ("terminal_bell", session["id"])


async def _until_data(lines: AsyncIterator[str]) -> AsyncIterator[str]:
    async for line in lines:
        yield line
        if line.startswith("data: "):
            return


async def test_the_list_of_sessions_is_streamed_whole_and_then_as_it_changes(api: Api) -> None:
    async with api.http.stream("GET", "/api/sessions/stream") as stream:
        found = events(stream)
        first = await anext(found)
        assert (first["type"], first["whole"], first["gone"]) == ("sessions", True, [])
        session = await api.create(programs.echo(), title="appears")
        async with asyncio.timeout(SECONDS):
            async for change in found:
                if session["uid"] in [summary["uid"] for summary in change["changed"]]:
                    break
        await api.delete(session["uid"])
        async with asyncio.timeout(SECONDS):
            async for change in found:
                if session["uid"] in change["gone"]:
                    return
