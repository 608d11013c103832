"""Event streams: ids, resumption without loss, resets that are said, ends with a reason (contract §4)."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from session_world import QUIET, Running, World, of, refused
from sse import ALL_EVENTS, sse
from viewing import Viewer
from waiting import eventually

from gestalt_contracts.bus_memory import InMemoryBus
from gestalt_contracts.channels import Stream
from gestalt_contracts.events import Cause, Event

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIST = "/api/sessions/stream"
SOCKETS = ["/ws/events", "/api/sessions/events", "/api/agents/events", "/api/config/events"]
THEN = datetime(2026, 3, 1, 9, 15, 2, 500_000, tzinfo=UTC)
STAMP = "2026-03-01T09:15:02.5Z"


def event(kind: str, topic: str, **data: Any) -> Event:
    return Event(type=kind, topic=topic, occurred_at=THEN, data=data)


async def publish(world: World, kind: str, topic: str, **data: Any) -> str:
    """Put an event on the bus; its id."""
    id_ = await world.bus.publish(Stream.EVENTS, event(kind, topic, **data))
    assert id_ is not None
    return id_


# -- refusals and ends


@pytest.mark.parametrize("path", SOCKETS)
async def test_while_the_bus_is_away_a_socket_is_accepted_and_closed(world: World, path: str) -> None:
    worker = await world.start()
    world.bus.away = True
    async with worker.listen(path) as viewer:
        assert (await viewer.closed())[0] == 1013


async def test_while_redis_is_away_no_stream_starts(world: World) -> None:
    worker = await world.start()
    world.bus.away = world.directory.away = True
    refused(await worker.http.get(ALL_EVENTS), 503, "event stream unavailable")
    refused(await worker.http.get(LIST), 503, "session stream unavailable")


@pytest.mark.parametrize("path", SOCKETS)
async def test_a_stopping_server_closes_sockets_with_a_reason(world: World, path: str) -> None:
    worker = await world.start()
    async with worker.listen(path) as viewer:
        async with asyncio.timeout(1):
            await worker.stop()
        assert await viewer.closed() == (1001, "server stopping")


@pytest.mark.parametrize("path", [ALL_EVENTS, LIST])
async def test_a_stopping_server_ends_streams_within_a_second(world: World, path: str) -> None:
    worker = await world.start()
    async with sse(worker, path) as stream:
        async with asyncio.timeout(1):
            await worker.stop()
        await eventually(lambda: stream.ended)


# -- frames


@pytest.mark.parametrize(
    ("path", "topic"),
    [("/api/sessions/events", "terminal"), ("/api/agents/events", "agent"), ("/api/config/events", "config")],
)
async def test_a_socket_carries_its_topic_and_nothing_else(worker: Running, path: str, topic: str) -> None:
    async with worker.listen(path) as viewer:
        for other in {"terminal", "agent", "config", "file", "git", "flow", "notify"} - {topic}:
            await publish(worker.world, "other", other)
        await publish(worker.world, "wanted", topic)
        await viewer.hears("wanted")
        assert [word["type"] for word in viewer.words] == ["wanted"]


async def test_the_merged_stream_leaves_out_what_has_streams_of_its_own(worker: Running) -> None:
    async with sse(worker) as stream:
        for topic in ("flow", "notify", "log", "toast", "git"):
            await publish(worker.world, topic, topic)
        assert [one["type"] for one in await stream.hears(1)] == ["git"]


async def test_frames_have_the_documented_keys(worker: Running) -> None:
    terminal = Event(
        type="terminal-resized", topic="terminal", occurred_at=THEN, session_id="A 1", session_uid="u", agent_id="a",
        data={"cols": 1, "rows": 2}, actor="somebody", cause=Cause(event_id="1-1", depth=2),
    )  # fmt: skip
    agent = Event(
        type="agent_error", topic="agent", occurred_at=THEN, agent_id="a", data={"agent_name": "A", "context": {"e": 1}}
    )
    config = event("config_validation_error", "config", config_type="agent", path="p", change_type="validation_error")
    file = event("file-change", "file", path="/p", op="WRITE")
    expected: list[dict[str, Any]] = [
        {"type": "terminal-resized", "session_id": "A 1", "data": {"cols": 1, "rows": 2}},
        {"type": "agent_error", "agent_id": "a", "agent_name": "A", "context": {"e": 1}},
        {"type": config.type, "config_type": "agent", "path": "p", "change_type": "validation_error"},
        {"type": "file-change", "path": "/p", "op": "WRITE"},
    ]
    async with sse(worker) as stream:
        for one, shown in zip((terminal, agent, config, file), expected, strict=True):
            shown |= {"id": await worker.world.bus.publish(Stream.EVENTS, one), "timestamp": STAMP}
        assert await stream.hears(4) == expected


async def test_the_life_of_a_session_is_told_in_order(worker: Running) -> None:
    async with worker.listen("/api/sessions/events") as viewer:
        made = await worker.create(QUIET, title="told")
        await worker.http.post(of(made["uid"], "resize"), json={"cols": 9, "rows": 9})
        await worker.http.delete(of(made["uid"]))
        await viewer.hears("terminal_closed")
        assert [word["type"] for word in viewer.words] == ["terminal_created", "terminal-resized", "terminal_closed"]
        assert {word["session_id"] for word in viewer.words} == {made["id"]}
        assert set(viewer.words[0]) == {"type", "session_id", "timestamp", "id"}
        assert viewer.words[2]["data"] == {"exit_code": -1}


async def test_a_program_that_ends_at_once_was_created_before_it_was_closed(worker: Running) -> None:
    async with worker.listen("/api/sessions/events") as viewer:
        for _ in range(20):
            await worker.create(["true"])
        await viewer.hears("terminal_closed", 20)
        kinds: dict[str, list[str]] = {}
        for word in viewer.words:
            kinds.setdefault(word["session_id"], []).append(word["type"])
        assert set(map(tuple, kinds.values())) == {("terminal_created", "terminal_closed")}


async def test_sse_begins_with_retry_and_has_only_data(worker: Running) -> None:
    async with sse(worker) as stream:
        assert stream.blocks[0] == "retry: 5000"
        headers = stream.response.headers
        assert headers["content-type"].partition(";")[0] == "text/event-stream"
        assert headers["cache-control"] == "no-store, must-revalidate"
        id_ = await publish(worker.world, "x", "file", path="/é")
        await stream.hears(1)
        data = f'{{"type":"x","path":"/é","timestamp":"{STAMP}","id":"{id_}"}}'
        assert stream.blocks[1] == f"id: {id_}\ndata: {data}"


@pytest.mark.parametrize("path", [ALL_EVENTS, LIST])
async def test_a_quiet_stream_says_that_it_lives(worker: Running, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gestalt_session.routes.streams.PING_SECONDS", 0.02)
    async with sse(worker, path) as stream:
        await eventually(lambda: stream.blocks.count(": ping") > 1)


@pytest.mark.parametrize("query", ["types=a&types=b", "types=a,b", "types=%20a%20,,b,nope", "types=b&types=&types=a"])
async def test_a_stream_keeps_to_the_wanted_types(worker: Running, query: str) -> None:
    async with sse(worker, f"{ALL_EVENTS}?{query}") as stream:
        for kind in ("c", "a", "A", "b"):
            await publish(worker.world, kind, "file")
        assert [one["type"] for one in await stream.hears(2)] == ["a", "b"]


async def test_flows_are_told_of_to_those_who_ask(worker: Running) -> None:
    async with sse(worker, ALL_EVENTS) as everything, sse(worker, f"{ALL_EVENTS}?types=flow_run,toast") as asked:
        await publish(worker.world, "toast", "toast")
        await publish(worker.world, "flow_run", "flow")
        await publish(worker.world, "terminal_bell", "terminal")
        assert [one["type"] for one in await asked.hears(1)] == ["flow_run"]
        assert [one["type"] for one in await everything.hears(1)] == ["terminal_bell"]


# -- what a watcher of files may say


async def test_a_subscription_replaces_the_set(worker: Running) -> None:
    async with worker.listen("/ws/events") as viewer:
        await publish(worker.world, "file-change", "file", path="/a")
        await publish(worker.world, "terminal_bell", "terminal")
        await publish(worker.world, "git-branch", "git", path="main")
        await viewer.hears("git-branch")
        await viewer.send('{"subscribe":["watch_error","git-branch","nope",7]}')
        await silenced(viewer, worker.world, "file-change", "git-branch")
        await viewer.send('{"subscribe":["file-change"]}')
        await silenced(viewer, worker.world, "git-branch", "file-change")
        assert not viewer.told("terminal_bell")


@pytest.mark.parametrize(
    "said", ["{}", '{"other":1}', "not json", '{"subscribe":"git-branch"}', "[" * 50_000, "null", b'{"subscribe":[]}']
)
async def test_what_is_no_subscription_changes_nothing(worker: Running, said: str | bytes) -> None:
    async with worker.listen("/ws/events") as viewer:
        await viewer.send('{"subscribe":["file-change"]}')
        await silenced(viewer, worker.world, "git-branch", "file-change")
        await viewer.send(said)
        await (await viewer.connection.ping())
        for _ in range(5):
            await silenced(viewer, worker.world, "git-branch", "file-change")


async def silenced(viewer: Viewer, world: World, quiet: str, heard: str) -> None:
    """Wait until one type is not told any more while another is."""

    async def so() -> bool:
        unwanted, wanted = [await publish(world, kind, "file", path="/a") for kind in (quiet, heard)]
        with suppress(AssertionError):
            await eventually(lambda: wanted in [word["id"] for word in viewer.words], within=0.2)
            return unwanted not in [word["id"] for word in viewer.words]
        return False

    await eventually(so)


# -- resumption


async def test_who_comes_back_with_an_id_misses_nothing(worker: Running) -> None:
    first = await publish(worker.world, "terminal_bell", "terminal")
    missed = [await publish(worker.world, "terminal_bell", "terminal") for _ in range(200)]
    async with worker.listen(f"/api/sessions/events?after={first}") as viewer:
        await eventually(lambda: len(viewer.words) == 200)
        live = await publish(worker.world, "terminal_bell", "terminal")
        await eventually(lambda: len(viewer.words) == 201)
        assert [word["id"] for word in viewer.words] == [*missed, live]
    bells = f"{ALL_EVENTS}?types=terminal_bell&last_event_id="
    async with sse(worker, f"{bells}{live}", **{"Last-Event-ID": missed[-2]}) as stream:
        assert [one["id"] for one in await stream.hears(2)] == [missed[-1], live]
    async with sse(worker, f"{bells}{missed[-1]}") as stream:
        assert [one["id"] for one in await stream.hears(1)] == [live]


@pytest.mark.parametrize("after", ["nonsense", "99999999999999-0", "-1", "1-1", "9" * 5_000, "%00", "é"])
async def test_an_id_that_is_none_is_told_first_past_every_filter(world: World, after: str) -> None:
    worker = await world.start()
    oldest = await publish(world, "terminal_bell", "terminal")
    async with sse(worker, f"{ALL_EVENTS}?types=terminal_bell&last_event_id={after}") as stream:
        reset, kept = await stream.hears(2)
        assert set(reset) == {"type", "reason", "oldest"}
        assert (reset["type"], reset["oldest"], kept["id"]) == ("reset", oldest, oldest)
    async with worker.listen(f"/api/sessions/events?after={after}") as viewer:
        await viewer.hears("terminal_bell")
        assert [word["type"] for word in viewer.words] == ["reset", "terminal_bell"]
    async with worker.listen(f"/ws/events?after={after}") as viewer:
        await viewer.hears("reset")


async def test_an_id_too_old_is_told_and_then_comes_everything_kept(world: World) -> None:
    world.bus = InMemoryBus(kept=dict.fromkeys(Stream, 3))
    worker = await world.start()
    first = await publish(world, "terminal_bell", "terminal")
    kept = [await publish(world, "terminal_bell", "terminal") for _ in range(6)][-3:]
    async with worker.listen(f"/api/sessions/events?after={first}") as viewer:
        await eventually(lambda: len(viewer.words) == 4)
        assert viewer.words[0] == {"type": "reset", "reason": "trimmed", "oldest": kept[0]}
        assert [word["id"] for word in viewer.words[1:]] == kept


async def test_a_bus_that_lost_everything_says_so_to_who_is_there(world: World) -> None:
    worker = await world.start()
    async with worker.listen("/api/sessions/events") as viewer, sse(worker) as stream:
        await publish(world, "terminal_bell", "terminal")
        await viewer.hears("terminal_bell")
        world.bus.forget()
        assert (await viewer.hears("reset"))["reason"] == "lost"
        await eventually(lambda: [one["type"] for one in stream.events][-1] == "reset")
        await publish(world, "terminal_bell", "terminal")
        await viewer.hears("terminal_bell", 2)


async def test_who_reads_slowly_is_never_silently_thinned(world: World) -> None:
    world.bus = InMemoryBus(kept=dict.fromkeys(Stream, 500))
    worker = await world.start()
    async with worker.listen("/api/sessions/events", reads=False) as viewer:
        ids = []
        for _ in range(5_000):
            ids.append(await publish(world, "terminal_bell", "terminal", text="x" * 4_000))
            await asyncio.sleep(0)  # the server's turn, until its socket is full
        place, resets = 0, 0
        async with asyncio.timeout(10):
            while place < len(ids):
                word = json.loads(await viewer.connection.recv())
                if word["type"] == "reset":
                    assert word["reason"] == "trimmed"
                    place, resets = ids.index(word["oldest"]), resets + 1
                else:
                    assert word["id"] == ids[place]
                    place += 1
        assert resets


# -- the list


async def test_the_list_comes_whole_and_then_as_it_changes(worker: Running) -> None:
    one = await worker.create(QUIET, title="listed")
    async with sse(worker, LIST) as stream:
        (first,) = await stream.hears(1)
        assert (first["type"], first["whole"]) == ("sessions", True)
        assert one["uid"] in [session["uid"] for session in first["changed"]]
        other = await worker.create(QUIET, title="listed")

        def states() -> list[str]:
            changed = [summary for event in stream.events for summary in event["changed"]]
            return [session["status"] for session in changed if session["uid"] == other["uid"]]

        await eventually(lambda: "running" in states())
        await worker.http.delete(of(other["uid"]))
        await eventually(lambda: other["uid"] in [uid for event in stream.events for uid in event["gone"]])
        assert len({change["id"] for change in stream.events}) == len(stream.events)
