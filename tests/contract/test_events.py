"""What happens to terminals is told in order, with ids, and is resumed without loss (contract §3, §4)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.support import programs
from tests.support.client import Api

pytestmark = pytest.mark.asyncio(loop_scope="module")
SECONDS = 5.0
CHANGES = {"terminal_active", "terminal_idle"}
"""What a program's output makes come and go by itself."""


def socket(api: Api, path: str) -> connect:
    return connect(f"ws{api.url.removeprefix('http')}{path}", proxy=None)


async def told(connection: ClientConnection, wanted: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
    """What comes, up to the first that is wanted."""
    found: list[dict[str, Any]] = []
    async with asyncio.timeout(SECONDS):
        while not found or not wanted(found[-1]):
            text = await connection.recv()
            assert isinstance(text, str)
            assert text.endswith("}\n")
            found.append(json.loads(text))
    return found


@asynccontextmanager
async def stream(api: Api, path: str, **headers: str) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
    """The events of an SSE stream."""
    async with api.http.stream("GET", path, headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert "no-store" in answer.headers["cache-control"]
        yield events(answer.aiter_lines())


async def events(lines: AsyncIterator[str]) -> AsyncIterator[dict[str, Any]]:
    assert await anext(lines) == "retry: 5000"
    number = None
    async for line in lines:
        assert line == "" or line.startswith((":", "id: ", "data: "))
        if line.startswith("id: "):
            number = line.removeprefix("id: ")
        elif line.startswith("data: "):
            event = json.loads(line.removeprefix("data: "))
            assert event.get("id") == number
            number = None
            yield event


async def until(found: AsyncIterator[dict[str, Any]], wanted: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
    """What comes, up to the first that is wanted."""
    seen: list[dict[str, Any]] = []
    async with asyncio.timeout(SECONDS):
        async for event in found:
            seen.append(event)
            if wanted(event):
                return seen
    raise AssertionError(f"the stream ended: {seen}")


def closes(session: dict[str, Any]) -> Callable[[dict[str, Any]], bool]:
    return lambda event: event["type"] == "terminal_closed" and event["session_id"] == session["id"]


async def test_the_life_of_a_session_is_told_in_order_with_its_data(api: Api) -> None:
    async with socket(api, "/api/sessions/events") as live:
        session = await api.create(programs.echo(), title="lively")
        path = f"/api/sessions/{session['uid']}"
        await api.http.post(f"{path}/resize", json={"cols": 70, "rows": 20})
        await api.http.post(f"{path}/resize", json={"cols": 70, "rows": 20})
        assert (await api.http.post(f"{path}/bell", content=b"whatever")).status_code == 204
        await api.http.post(f"{path}/signal", json={"signal": "KILL"})
        seen = [event for event in await told(live, closes(session)) if event["type"] not in CHANGES]
    assert [event["type"] for event in seen] == [
        "terminal_created",
        "terminal-resized",
        "terminal_bell",
        "terminal_closed",
    ]
    assert {event["session_id"] for event in seen} == {session["id"]}
    assert [event.get("data") for event in seen] == [None, {"cols": 70, "rows": 20}, None, {"exit_code": -9}]
    for event in seen:
        assert set(event) - {"data"} == {"type", "session_id", "timestamp", "id"}
        assert event["timestamp"].endswith("Z")
    assert len({event["id"] for event in seen}) == len(seen)


async def test_what_was_missed_comes_after_the_last_id_on_every_stream_and_nothing_else(api: Api) -> None:
    async with socket(api, "/api/sessions/events") as live:
        first = await api.create(["true"], title="first")
        seen = await told(live, closes(first))
        middle = next(event for event in seen if event["type"] == "terminal_created")
        second = await api.create(["true"], title="second")
        seen += await told(live, closes(second))
    missed = [event["id"] for event in seen[seen.index(middle) + 1 :]]
    async with socket(api, f"/api/sessions/events?after={middle['id']}") as again:
        assert [event["id"] for event in await told(again, closes(second))] == missed
    async with stream(api, f"/api/events/stream?last_event_id={middle['id']}") as again:
        assert [event["id"] for event in await until(again, closes(second))] == missed
    async with stream(api, "/api/events/stream", **{"Last-Event-ID": middle["id"]}) as again:
        assert [event["id"] for event in await until(again, closes(second))] == missed
    async with stream(api, f"/api/events/stream?types=terminal_closed&last_event_id={middle['id']}") as again:
        assert [event["type"] for event in await until(again, closes(second))] == ["terminal_closed"] * 2


async def test_a_session_that_ends_at_once_is_created_before_it_is_closed(api: Api) -> None:
    async with socket(api, "/api/sessions/events") as live:
        for _ in range(20):
            session = await api.create(["true"], title="brief")
            kinds = [event["type"] for event in await told(live, closes(session)) if event["type"] not in CHANGES]
            assert kinds == ["terminal_created", "terminal_closed"]


@pytest.mark.parametrize("identity", ["nonsense", "1-0", "-1", "99999999999999-0", "99999999999999999999999-9", "é"])
async def test_an_id_that_is_not_known_is_reset_past_every_filter_and_never_fails(api: Api, identity: str) -> None:
    session = await api.create(["true"], title="kept")
    for query in ("", "&types=terminal_closed"):
        async with stream(api, f"/api/events/stream?last_event_id={identity}{query}") as found:
            reset, *kept = await until(found, closes(session))
            assert (reset["type"], set(reset)) == ("reset", {"type", "reason", "oldest"})
            assert "reset" not in {event["type"] for event in kept}
    for path in ("/ws/events", "/api/agents/events", "/api/config/events"):
        async with socket(api, f"{path}?after={identity}") as watching:
            (reset,) = await told(watching, lambda _: True)
            assert (reset["type"], set(reset)) == ("reset", {"type", "reason", "oldest"})


async def test_two_streams_tell_the_same_under_the_same_ids(api: Api) -> None:
    async with socket(api, "/api/sessions/events") as one, stream(api, "/api/events/stream") as other:
        session = await api.create(["true"], title="twice")
        seen = await told(one, closes(session))
        assert [event for event in await until(other, closes(session)) if event["type"] != "reset"] == seen


async def test_the_bell_of_a_program_is_told_once_a_second_at_most(api: Api) -> None:
    async with socket(api, "/api/sessions/events") as live:
        session = await api.create(["sh", "-c", "for n in 1 2 3 4 5; do printf '\\a'; sleep 0.05; done"])
        kinds = [event["type"] for event in await told(live, closes(session))]
    assert kinds.count("terminal_bell") == 1


async def test_the_end_of_a_title_is_no_bell(api: Api) -> None:
    async with socket(api, "/api/sessions/events") as live:
        session = await api.create(["printf", "\\033]0;title\\007"])
        assert "terminal_bell" not in [event["type"] for event in await told(live, closes(session))]


@pytest.mark.parametrize(
    "words", [["{}"], ["no json", "[1]", "7"], ['{"subscribe":5}'], ['{"subscribe":["git-branch"]}']]
)
async def test_whatever_a_watcher_says_its_socket_stays_open_and_tells_no_terminals(api: Api, words: list[str]) -> None:
    async with socket(api, "/ws/events") as watching:
        for word in words:
            await watching.send(word)
        session = await api.create(["true"])
        async with socket(api, "/api/sessions/events?after=0") as live:
            await told(live, closes(session))
        await (await asyncio.wait_for(watching.ping(), SECONDS))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(watching.recv(), 0.05)


async def test_the_list_comes_whole_first_and_then_each_change(api: Api) -> None:
    kept = await api.create(programs.echo(), title="listed")
    async with stream(api, "/api/sessions/stream") as found:
        whole = await anext(found)
        assert (whole["type"], whole["whole"]) == ("sessions", True)
        assert kept["uid"] in [session["uid"] for session in whole["changed"]]
        await api.http.patch(f"/api/sessions/{kept['uid']}", json={"labels": {"new": "label"}})
        changed = await until(found, lambda event: _of(event, kept).get("labels") == {"new": "label"})
        assert set(changed[-1]) == {"type", "changed", "gone", "whole", "id"}
        await api.http.post(f"/api/sessions/{kept['uid']}/signal", json={"signal": "KILL"})
        ended = await until(found, lambda event: _of(event, kept).get("status") == "closed")
        assert _of(ended[-1], kept)["exit_code"] == -9


async def test_a_change_carries_the_last_line(api: Api) -> None:
    kept = await api.create(programs.echo(), title="listed")
    async with stream(api, "/api/sessions/stream") as found:
        await until(found, lambda event: _of(event, kept).get("last_line") == "ready")
        await api.type(kept["uid"], b"what it says\r")
        await until(found, lambda event: "what it says" in _of(event, kept).get("last_line", ""))


def _of(event: dict[str, Any], session: dict[str, Any]) -> dict[str, Any]:
    """What a frame says of one session; empty when nothing."""
    return next((summary for summary in event["changed"] if summary["uid"] == session["uid"]), {})
