"""What is refused, with which status, and that nothing of it is stored or breaks what comes after."""

from __future__ import annotations

import gzip
import json
import sqlite3
import zlib
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from telemetry_world import JSON, PROTOBUF, World, eventually, export, export_spans

pytestmark = pytest.mark.asyncio(loop_scope="module")
BOTH = pytest.mark.parametrize("engine", ["segments", "clickhouse"])
NESTED = '{"arrayValue":{"values":[' * 60 + '{"intValue":"1"}' + "]}}" * 60


async def test_without_the_internal_bearer_nothing_is_answered(shared: World) -> None:
    for path in ("/api/otel/logs", "/v1/logs", "/api/logs/stream", "/nothing"):
        answer = await shared.client.get(path, headers={"Authorization": "Bearer wrong"})
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")


async def test_an_unknown_path_and_an_unknown_method(shared: World) -> None:
    unknown = await shared.client.get("/api/otel/nothing")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
    wrong = await shared.client.put("/api/otel/logs")
    assert (wrong.status_code, set(wrong.headers["allow"].split(", "))) == (405, {"GET", "POST"})


@pytest.mark.parametrize("signal", ["logs", "traces", "metrics"])
@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        (PROTOBUF, b"\xff\xff\xff", 400),
        (PROTOBUF, b"{}", 400),
        (JSON, b"{", 400),
        (JSON, b"[]", 400),
        (JSON, b"{} {}", 400),
        (JSON, b"\xef\xbb\xbf{}", 400),
        (JSON, b'{"resourceLogs":{},"resourceSpans":{},"resourceMetrics":{}}', 400),
        (JSON, b"[" * 100_000, 400),
        ("text/plain", b"{}", 415),
        ("", b"", 415),
    ],
)
async def test_what_is_no_otlp(shared: World, signal: str, kind: str, body: bytes, status: int) -> None:
    answer = await shared.send(signal, body, kind)
    assert answer.status_code == status
    assert set(answer.json()) == {"message", "error", "code"}
    assert await shared.get("/api/otel/logs") == []


async def test_encodings(world: World) -> None:
    body = export("packed")
    assert (await world.send("logs", body, **{"content-encoding": "br"})).status_code == 415
    assert (await world.send("logs", body, **{"content-encoding": "gzip"})).status_code == 400
    assert (await world.send("logs", gzip.compress(body)[:-9], **{"content-encoding": "gzip"})).status_code == 400
    assert (await world.send("logs", zlib.compress(body), **{"content-encoding": "gzip"})).status_code == 400
    assert (await world.send("logs", gzip.compress(body), **{"content-encoding": "gzip"})).status_code == 200
    assert await world.bodies() == ["packed"]


async def test_a_body_over_the_limit_packed_or_not(world: World) -> None:
    limit = world.telemetry._settings.otlp_limit
    assert (await world.send("logs", b"x" * (limit + 1))).status_code == 413
    bomb = gzip.compress(b"\0" * (limit + 1))
    assert len(bomb) < 20_000
    refused = await world.send("logs", bomb, **{"content-encoding": "gzip"})
    assert (refused.status_code, refused.json()["code"]) == (413, "payload_too_large")
    await world.logs("after")
    assert await world.bodies() == ["after"]


@BOTH
async def test_records_that_are_nested_too_deeply_are_refused_and_the_others_stored(world: World) -> None:
    records = '{"body":{"stringValue":"good"}},{"body":' + NESTED + '},{"timeUnixNano":"-5"},{"timeUnixNano":"x"}'
    body = '{"resourceLogs":[{"scopeLogs":[{"logRecords":[' + records + "]}]}]}"
    answer = await world.send("logs", body.encode(), JSON)
    assert answer.status_code == 200
    assert answer.json()["partialSuccess"]["rejectedLogRecords"] == "3"
    assert await world.bodies() == ["good"]


@BOTH
async def test_a_span_without_ids_is_refused_in_the_clients_encoding(world: World) -> None:
    answer = await world.send("traces", export_spans(("bad", 1, 0, 5), trace=b"short"))
    reply = ExportTraceServiceResponse.FromString(answer.content)
    assert (answer.status_code, reply.partial_success.rejected_spans) == (200, 1)
    assert answer.headers["content-type"] == PROTOBUF
    assert await world.get("/api/otel/traces") == []


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ([], "invalid request body"),
        (None, "missing body"),
        ({}, "missing body"),
        ({"body": None}, "missing body"),
        ({"body": {}}, "invalid value"),
        ({"body": []}, "invalid value"),
        ({"body": "x", "severity_number": None}, "invalid severity number"),
        ({"body": "x", "severity_number": "high"}, "invalid severity number"),
        ({"severity_number": True}, "invalid severity number"),
        ({"body": "x", "severity_number": 1e300}, "invalid severity number"),
        ({"body": "x" * 262_145}, "body too large"),
        ({"body": "x" * 524_288}, "invalid request body"),
        ({"body": "x", "attributes": "no"}, "invalid attributes"),
        ({"body": "x", "attributes": {" ": 1}}, "invalid attribute key"),
        ({"body": "x", "attributes": {"k" * 257: 1}}, "invalid attribute key"),
        ({"body": "x", "attributes": {"k": "v" * 2_049}}, "attribute value too large"),
        ({"body": "x", "attributes": {"k": {"arrayValue": {"values": [{"stringValue": "v" * 2_049}]}}}},
         "attribute value too large"),
        ({"body": "x", "attributes": {"k": None}}, "invalid value"),
        ({"body": "x", "attributes": {"k": {"intValue": "99999999999999999999"}}}, "invalid value"),
        ({"body": "x", "attributes": {str(n): n for n in range(101)}}, "too many attributes"),
    ],
)  # fmt: skip
async def test_the_simple_entry_says_what_is_wrong(shared: World, entry: Any, message: str) -> None:
    answer = await shared.client.post("/api/otel/logs", json=entry)
    assert (answer.status_code, answer.json()["message"]) == (400, message)
    assert await shared.get("/api/otel/logs") == []


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/api/otel/logs?limit=0", "invalid limit"),
        ("/api/otel/logs?limit=x", "invalid limit"),
        ("/api/otel/logs?limit=-1", "invalid limit"),
        ("/api/otel/logs?level=bogus", "invalid level"),
        ("/api/otel/logs?since=yesterday", "invalid timestamp"),
        ("/api/otel/logs?until=2026-13-01T00:00:00Z", "invalid timestamp"),
        ("/api/otel/logs?before=x", "invalid before"),
        ("/api/otel/traces?since=1", "invalid timestamp"),
        ("/api/otel/metrics?limit=1.5", "invalid limit"),
        ("/api/otel/metrics/series", "missing name"),
        ("/api/otel/metrics/series?name=x&step=0", "invalid step"),
        ("/api/otel/metrics/series?name=x&aggregation=median", "invalid aggregation"),
        ("/api/otel/logs/histogram?step=soon", "invalid step"),
        ("/api/otel/logs/histogram?limit=0", "invalid limit"),
        ("/api/otel/metrics/series?name=x&limit=0", "invalid limit"),
        ("/api/otel/usage?limit=-1", "invalid limit"),
        ("/api/logs/stream?level=bogus", "invalid level"),
    ],
)
async def test_queries_that_cannot_be_read(shared: World, path: str, message: str) -> None:
    answer = await shared.client.get(path)
    assert (answer.status_code, answer.json()["message"]) == (400, message)


SYNTAX = (
    *('"', "'", '" OR "a', "a*", "a AND b", "NEAR(a b)", "%", "_", "'; DROP TABLE logs; --", "\\", "é🙂x", "^abc"),
    *("text:", "{text:String}", "\\' OR 1=1 --", "?"),
)


@BOTH
async def test_syntax_in_a_query_is_plain_text(world: World) -> None:
    stored = ["something else", *(f"before {text} after" for text in SYNTAX)]
    await world.logs(*stored)
    for text in SYNTAX:
        assert await world.bodies(query=text) == [body for body in stored if text in body]
        assert await world.bodies(query=f"before {text} after") == [f"before {text} after"]
        assert await world.bodies(query=text + "zz") == []
        assert await world.get("/api/otel/logs", session_id=text) == []
        assert await world.get("/api/otel/traces", span_name=text, query=text) == []
    assert (await world.client.get("/api/otel/traces/" + "z" * 32)).status_code == 404


FOLDED = {
    "a b": ["a b"],
    "a\0b": ["a\0b"],
    "\0": ["a\0b", "before\0after"],
    "re\0aft": ["before\0after"],
    "re aft": [],
    "İSTANBUL": ["İstanbul'da"],
    "istanbul": ["istanbul"],
    "İ": ["İstanbul'da"],
    "ΟΔΟΣ": ["ΟΔΟΣΕΙΣ", "οδος"],
    "οδοσ": ["ΟΔΟΣΕΙΣ", "οδος"],
    "STRASSE": ["Straße 5"],
    "straße": ["Straße 5"],
}
"""Queries and what they find: a case that has more than one letter, or depends on its neighbours, and NUL."""


@BOTH
async def test_text_is_found_whatever_its_case_and_characters(world: World) -> None:
    await world.logs("a b", "a\0b", "before\0after", "İstanbul'da", "istanbul", "ΟΔΟΣΕΙΣ", "οδος", "Straße 5")
    for _ in ("as they came", "from the index"):
        for text, found in FOLDED.items():
            assert await world.bodies(query=text) == found, text
        await eventually(lambda: indexed(world.folder), 5)


def indexed(folder: Path) -> bool:
    """Whether the index has caught up; of what is kept elsewhere that is so at once."""
    for path in (folder / "telemetry").glob("segment-*.db"):
        with closing(sqlite3.connect(path)) as segment:
            ((upto,),) = segment.execute("SELECT coalesce(max(value), 0) FROM marks WHERE name = 'texts_up_to'")
            return int(upto) > 0
    return True


@BOTH
async def test_times_that_no_record_can_have_are_times(world: World) -> None:
    await world.logs("x", time=1_772_356_500 * 10**9)
    await world.send("traces", export_spans(("x", 1, 0, 1_772_356_500)))
    gauge = {"name": "x", "gauge": {"dataPoints": [{"timeUnixNano": str(1_772_356_500 * 10**9), "asInt": "1"}]}}
    await world.send(
        "metrics", json.dumps({"resourceMetrics": [{"scopeMetrics": [{"metrics": [gauge]}]}]}).encode(), JSON
    )

    async def found(**query: str) -> list[int]:
        paths = "/api/otel/logs", "/api/otel/traces", "/api/otel/metrics"
        counts = [len(await world.get(path, **query)) for path in paths]
        counts.append(len((await world.get("/api/otel/logs/histogram", **query))["buckets"]))
        await world.get("/api/otel/usage", **query)
        return [*counts, len((await world.get("/api/otel/metrics/series", name="x", **query))["series"])]

    for early in ("0001-01-01T00:00:00Z", "1677-01-01T00:00:00Z", "1969-12-31T23:59:59.999999999Z"):
        assert await found(since=early) == [1] * 5
        assert await found(until=early) == [0] * 5
    for late in ("9999-12-31T23:59:59Z", "2262-04-11T23:47:16.854775807Z", "2262-04-11T23:00:00Z"):
        assert await found(since=late) == [0] * 5
        assert (await found(until=late))[:4] == [1] * 4
        assert await found(since="2026-01-01T00:00:00Z", until=late) == [1] * 5


@BOTH
async def test_absurd_numbers_and_times_are_kept_and_found(world: World) -> None:
    await world.logs("far", time=(1 << 64) - 1)
    await world.logs("early", time=1)
    values = {"doubleValue": "NaN"}, {"doubleValue": "-Infinity"}, {"intValue": str(-(1 << 63))}, {"bytesValue": "AP8="}
    records = [{"body": value} for value in values]
    body = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}).encode()
    assert (await world.send("logs", body, JSON)).json() == {}
    found = await world.get("/api/otel/logs")
    assert [one["body"] for one in found[2:]] == list(values)
    assert found[0]["timeUnixNano"] == str((1 << 64) - 1)
    assert await world.bodies(until="1970-01-01T00:00:01Z") == ["early"]
    assert ExportLogsServiceResponse().ByteSize() == 0
