"""What is ClickHouse's own: rows of others, numbers over a restart, a server that is away, the index, the address."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from clickhouse_world import embedded
from telemetry_world import NS, World, eventually, export, export_spans, running, texts, upcoming

from gestalt_contracts.bus_memory import InMemoryBus
from gestalt_contracts.channels import Stream
from gestalt_contracts.events import Event, now
from gestalt_contracts.service_logs import LOG_RECORDS
from gestalt_telemetry.clickhouse.client import ClickHouse, Refused
from gestalt_telemetry.clickhouse.conditions import containing
from gestalt_telemetry.clickhouse.location import located

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.parametrize("engine", ["clickhouse"]),
]
EXPORTED = """INSERT INTO otel_logs (Timestamp, SeverityText, SeverityNumber, ServiceName, Body, ResourceAttributes,
    LogAttributes) VALUES ('2026-03-01 09:15:02.5', 'WARN', 13, 'theirs', 'Written by others',
    {'service.name': 'theirs'}, {'session.id': 'Coder 7', 'http.route': '/x'})"""
TRACED = """INSERT INTO otel_traces (Timestamp, TraceId, SpanId, SpanName, SpanKind, Duration, StatusCode)
    VALUES ('2026-03-01 09:15:02', '74747474747474747474747474747474', '0000000000000009', 'theirs', 'Server', 5000000,
    'Error')"""


@pytest_asyncio.fixture(loop_scope="module")
async def server(kept_by: dict[str, Any]) -> AsyncIterator[ClickHouse]:
    """The server as others use it."""
    async with ClickHouse(located(kept_by["telemetry_store"])).opened() as opened:
        yield opened


async def test_a_restart_finds_everything_and_goes_on_counting(tmp_path: Path, kept_by: dict[str, Any]) -> None:
    async with running(tmp_path, **kept_by) as world:
        await world.logs("one", "two")
    async with running(tmp_path, **kept_by) as world:
        await world.logs("three")
        found = await world.get("/api/otel/logs")
    assert [(one["id"], text) for one, text in zip(found, texts(found), strict=True)] == [
        ("1", "one"), ("2", "two"), ("3", "three"),
    ]  # fmt: skip


async def test_rows_of_others_are_found_and_in_no_stream(world: World, server: ClickHouse) -> None:
    await server.do(EXPORTED)
    await server.do(TRACED)
    await world.logs("ours", severity=17)
    (found,) = await world.get("/api/otel/logs", query="BY OTHERS\nsession", level="warning")
    assert (found["id"], found["severityText"], found["timeUnixNano"]) == ("0", "WARN", "1772356502500000000")
    assert {"key": "http.route", "value": {"stringValue": "/x"}} in found["attributes"]
    assert await world.bodies(session_id="Coder 7") == ["Written by others"]
    assert await world.bodies(before=5) == ["ours"]
    (span,) = await world.get("/api/otel/traces")
    assert (span["name"], span["kind"], span["status"], span["duration_ms"]) == ("theirs", 2, "error", 5.0)
    async with world.events("/api/logs/stream", **{"last-event-id": "0"}) as events:
        assert texts(await upcoming(events)) == ["ours"]


async def test_each_event_of_our_own_is_stored_once_over_a_restart(tmp_path: Path, kept_by: dict[str, Any]) -> None:
    bus = InMemoryBus()

    async def tell(*messages: str) -> None:
        records = [{"time": NS, "level": "info", "message": message} for message in messages]
        data = {"service": "gateway", "records": records}
        await bus.publish(Stream.LOGS, Event(type=LOG_RECORDS, topic="logs", occurred_at=now(), data=data))

    async def stored(world: World, *messages: str) -> bool:
        return await world.bodies() == list(messages)

    await tell("first")
    async with running(tmp_path, bus, **kept_by) as world:
        await eventually(lambda: stored(world, "first"))
    await tell("second", "third")
    async with running(tmp_path, bus, **kept_by) as world:
        await eventually(lambda: stored(world, "first", "second", "third"))


async def test_text_is_looked_up_in_the_index(world: World, server: ClickHouse) -> None:
    await world.logs("a needle of gold")
    plan = await server.rows(
        "SELECT * FROM viewExplain('EXPLAIN', 'indexes = 1', (SELECT Id FROM otel_logs WHERE SearchText LIKE"
        " {text:String}))",
        {"text": containing("needle")},
    )
    assert any("idx_gestalt_text" in line for (line,) in plan)


async def test_a_server_that_is_killed_keeps_what_was_acknowledged_and_is_found_again(
    tmp_path: Path, needs_clickhouse: None, engine: str
) -> None:
    del needs_clickhouse, engine
    with embedded(tmp_path / "engine") as server:
        async with running(tmp_path, telemetry_store=f"{server.address}/otel") as world:
            await world.logs("before")
            server.kill()
            refused = await world.send("logs", export("meanwhile"))
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
            assert (await world.client.get("/api/otel/logs")).status_code == 503
            assert (await world.client.get("/readyz")).status_code == 503
            server.start()
            await eventually(world.telemetry._store.writer.ready.is_set, 20)
            await world.logs("after")
            assert await world.bodies() == ["before", "after"]


async def test_a_wrong_password_is_refused(kept_by: dict[str, Any]) -> None:
    wrong = located(kept_by["telemetry_store"].replace("a%20pass", "no%20pass"))
    async with ClickHouse(wrong).opened() as server:
        with pytest.raises(Refused, match="Authentication"):
            await server.do("SELECT 1")


async def test_values_stay_values(server: ClickHouse, world: World) -> None:
    del world  # which makes the database
    for text in ("'", "\\", "\\'", "a\tb\nc", "{x:String}", "%", "\0", "é🙂", "') OR 1 --"):
        assert await server.rows("SELECT {text:String}, {texts:Array(String)}", {"text": text, "texts": [text]}) == [
            [text, [text]]
        ]


async def test_spans_keep_their_events_and_links_for_others(world: World, server: ClickHouse) -> None:
    await world.send("traces", export_spans(("ours", 1, 0, 10)))
    assert await server.rows("SELECT SpanName, toUInt32(Duration / 1000000), SpanKind FROM otel_traces") == [
        ["ours", 1000, "Unspecified"]
    ]
