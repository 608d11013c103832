"""Log records from the ways in to the ways out: everything of them is kept, found by every filter, paged."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest
from telemetry_world import JSON, NS, World, export, texts

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.parametrize("engine", ["segments", "clickhouse"]),
]

VALUES = [
    {"stringValue": "text"},
    {"boolValue": False},
    {"intValue": "9007199254740993"},
    {"doubleValue": 0.5},
    {"bytesValue": "AP8="},
    {"arrayValue": {"values": [{"stringValue": "a"}, {"arrayValue": {"values": []}}, {}]}},
    {"kvlistValue": {"values": [{"key": "k", "value": {"kvlistValue": {"values": []}}}]}},
]


async def test_a_record_comes_back_whole(world: World) -> None:
    record = {
        "timeUnixNano": "1772356502000000001",
        "observedTimeUnixNano": "1772356502000000100",
        "severityNumber": 14,
        "severityText": "WARN2",
        "body": {"kvlistValue": {"values": [{"key": "a", "value": {"intValue": "1"}}]}},
        "attributes": [{"key": f"k{place}", "value": value} for place, value in enumerate(VALUES)],
        "traceId": "0123456789abcdef0123456789abcdef",
        "spanId": "0123456789abcdef",
    }
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "s"}}]}
    scope = {"name": "lib", "version": "2"}
    group = {"resource": resource, "scopeLogs": [{"scope": scope, "logRecords": [record], "unknown": 1}]}
    answer = await world.send("logs", json.dumps({"resourceLogs": [group]}).encode(), JSON)
    assert (answer.status_code, answer.json()) == (200, {})
    assert await world.get("/api/otel/logs") == [{**record, "id": "1", "resource": resource, "scope": scope}]


SEVERITIES: list[tuple[dict[str, Any], str, int]] = [
    ({}, "info", 9),
    ({"severity_text": " Warning "}, "Warning", 13),
    ({"severity_text": "fatal"}, "fatal", 17),
    ({"severity_number": 14}, "WARN2", 14),
    ({"severity_number": "17"}, "ERROR", 17),
    ({"severity_number": 30}, "Severity(30)", 30),
    ({"severity_number": 9.9}, "INFO", 9),
    ({"severity_text": "odd", "severity_number": 5}, "odd", 5),
    ({"severity_text": 5}, "info", 9),
]


async def test_a_simple_entry_has_a_severity_made_whole(world: World) -> None:
    for entry, _, _ in SEVERITIES:
        assert (await world.client.post("/api/otel/logs", json={"body": "x", **entry})).status_code == 204
    found = await world.get("/api/otel/logs")
    shown = [(one["severityText"], one["severityNumber"]) for one in found]
    assert shown == [(text, number) for _, text, number in SEVERITIES]


async def test_a_simple_entry_takes_every_value_both_shapes_of_attributes_and_its_own_time(world: World) -> None:
    values = [*VALUES, "plain", 7, 1.5, True]
    entry = {
        "body": "all kinds",
        "attributes": [{"key": f"k{place}", "value": value} for place, value in enumerate(values)] + ["no object"],
        "timeUnixNano": "1772356502000000001",
        "gestalt.ignored": 1,
    }
    assert (await world.client.post("/api/otel/logs", json=entry)).status_code == 204
    (found,) = await world.get("/api/otel/logs")
    shown = {pair["key"]: pair["value"] for pair in found["attributes"]}
    assert [shown[f"k{place}"] for place in range(len(VALUES))] == VALUES
    assert [shown[f"k{place}"] for place in range(len(VALUES), len(values))] == [
        {"stringValue": "plain"}, {"intValue": "7"}, {"doubleValue": 1.5}, {"boolValue": True},
    ]  # fmt: skip
    assert shown["gestalt.source"] == {"stringValue": "frontend"}
    assert found["timeUnixNano"] == "1772356502000000001"


async def test_the_simple_route_takes_batches_too(world: World) -> None:
    batch = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": "x" * 300_000}}]}]}]})
    json_ = await world.client.post("/api/otel/logs", content=batch, headers={"content-type": JSON})
    proto = await world.client.post(
        "/api/otel/logs", content=export("proto"), headers={"content-type": "application/x-protobuf"}
    )
    assert (json_.status_code, proto.status_code) == (204, 204)
    assert (await world.bodies())[1] == "proto"


async def test_protobufs_own_field_names_are_taken_too(world: World) -> None:
    record = {"time_unix_nano": "7", "severity_number": 13, "body": {"string_value": "snake_case"}}
    record["attributes"] = [{"key": "a_key", "value": {"int_value": "1"}}]
    body = json.dumps({"resource_logs": [{"scope_logs": [{"log_records": [record]}]}]})
    assert (await world.send("logs", body.encode(), JSON)).status_code == 200
    assert (await world.client.post("/api/otel/logs", content=body, headers={"content-type": JSON})).status_code == 204
    found = await world.get("/api/otel/logs")
    assert texts(found) == ["snake_case"] * 2
    assert (found[0]["timeUnixNano"], found[0]["severityNumber"]) == ("7", 13)
    assert found[0]["attributes"] == [{"key": "a_key", "value": {"intValue": "1"}}]


async def test_levels_sessions_traces_times_and_text(world: World) -> None:
    await world.logs("one", severity=5, attributes={"session.id": "Coder 1", "note": "Needle"}, time=10 * NS)
    await world.logs("two", severity=9, attributes={"session_id": "Coder 1"}, time=70 * NS, trace=b"t" * 16)
    await world.logs("three needles", severity=13, attributes={"session.id": "Coder 2"}, time=130 * NS)
    await world.logs("four", severity=17, time=40 * NS)
    assert await world.bodies() == ["one", "two", "three needles", "four"]
    assert await world.bodies(level="info") == ["two", "three needles", "four"]
    assert await world.bodies(level="WARN", limit=1) == ["four"]
    assert await world.bodies(session_id="Coder 1") == ["one", "two"]
    assert await world.bodies(session_id="Coder 1", level="info") == ["two"]
    assert await world.bodies(trace_id=(b"t" * 16).hex().upper()) == ["two"]
    assert await world.bodies(trace_id="none") == []
    assert await world.bodies(since="1970-01-01T00:00:40Z", until="1970-01-01T00:01:10Z") == ["two", "four"]
    assert await world.bodies(since="1970-01-01T00:00:40.000000001Z", until="1970-01-01T01:01:10+01:00") == ["two"]
    assert await world.bodies(query="nEEdle") == ["one", "three needles"]
    assert await world.bodies(query="note=needle") == ["one"]
    assert await world.bodies(query="ee", level="warning") == ["three needles"]


async def test_pages_go_back_without_gap_or_repeat(world: World) -> None:
    for start in range(0, 50, 5):
        await world.logs(*(f"record {number}" for number in range(start, start + 5)))
    seen: list[str] = []
    before: dict[str, Any] = {}
    while page := await world.get("/api/otel/logs", limit=7, **before):
        seen = texts(page) + seen
        before = {"before": page[0]["id"]}
    assert seen == [f"record {number}" for number in range(50)]
    assert len(await world.bodies(limit=5_000)) == 50


async def test_the_histogram_counts_by_time_and_level_exactly_at_its_bounds(world: World) -> None:
    for second, severity in ((10, 9), (50, 17), (70, 9), (71, 9), (130, 13)):
        await world.logs("x", severity=severity, time=second * NS)
    whole = (await world.get("/api/otel/logs/histogram"))["buckets"]
    assert whole == [
        {"time": "1970-01-01T00:00:00Z", "counts": {"info": 1, "error": 1}},
        {"time": "1970-01-01T00:01:00Z", "counts": {"info": 2}},
        {"time": "1970-01-01T00:02:00Z", "counts": {"warning": 1}},
    ]
    asked = {"since": "1970-01-01T00:00:11Z", "until": "1970-01-01T00:01:10Z"}
    cut = (await world.get("/api/otel/logs/histogram", **asked))["buckets"]
    assert [bucket["counts"] for bucket in cut] == [{"error": 1}, {"info": 1}]
    assert (await world.get("/api/otel/logs/histogram", query="X"))["buckets"] == whole
    assert (await world.get("/api/otel/logs/histogram", query="x", **asked))["buckets"] == cut
    await world.logs("y", time=130 * NS, attributes={"session.id": "Coder 1"}, trace=b"t" * 16)
    for finer in ({"session_id": "Coder 1"}, {"trace_id": (b"t" * 16).hex()}, {"query": "y"}):
        (one,) = (await world.get("/api/otel/logs/histogram", **finer))["buckets"]
        assert one == {"time": "1970-01-01T00:02:00Z", "counts": {"info": 1}}
    steps = (await world.get("/api/otel/logs/histogram", step="2m", level="warning"))["buckets"]
    assert [(one["time"], one["counts"]) for one in steps] == [
        ("1970-01-01T00:00:00Z", {"error": 1}),
        ("1970-01-01T00:02:00Z", {"warning": 1}),
    ]


async def test_a_session_token_stamps_what_it_sends(world: World) -> None:
    uid = "01890000-0000-7000-8000-000000000001"
    headers = {"x-gestalt-session": uid}
    await world.send("logs", export("mine", attributes={"session.id": "somebody else"}), **headers)
    assert await world.bodies(session_id="somebody else") == []
    assert await world.bodies(session_id=uid) == ["mine"]
    assert await world.bodies(session_id=f"name of {uid}") == ["mine"]


async def test_many_at_once_are_each_stored_once(world: World) -> None:
    bodies = [[f"{client}/{number}" for number in range(50)] for client in range(40)]
    begun = time.monotonic()
    await asyncio.gather(*(world.logs(*batch) for batch in bodies))
    assert time.monotonic() - begun < 10
    found = [text for page in range(2) for text in await _page(world, page)]
    assert sorted(found) == sorted(text for batch in bodies for text in batch)


async def _page(world: World, page: int) -> list[str]:
    return await world.bodies(limit=1000, before=2001 - page * 1000)
