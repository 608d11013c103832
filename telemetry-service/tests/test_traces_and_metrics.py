"""Spans, trees, metrics."""

from __future__ import annotations

import json

import pytest
from metrics_world import attributes, export, points
from telemetry_world import JSON, World, export_spans

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.parametrize("engine", ["segments", "clickhouse"]),
]
TRACE = (b"t" * 16).hex()


async def test_a_trace_is_a_tree_in_which_nothing_is_missing(world: World) -> None:
    spans = [("root", 1, 0, 10), ("late child", 2, 1, 12), ("child", 3, 1, 11), ("orphan", 4, 99, 13)]
    circle = [("a", 7, 8, 14), ("b", 8, 7, 15)]
    await world.send("traces", export_spans(*spans[2:], *circle))
    await world.send("traces", export_spans(*spans[:2]))
    await world.send("traces", export_spans(spans[0]))
    found = await world.get(f"/api/otel/traces/{TRACE.upper()}")
    assert found["trace_id"] == TRACE
    root, orphan, *circled = found["spans"]
    assert (root["name"], [child["name"] for child in root["children"]]) == ("root", ["child", "late child"])
    assert orphan["name"] == "orphan"
    assert len(circled) + sum(len(one["children"]) for one in circled) == 2
    assert (await world.client.get(f"/api/otel/traces/{'0' * 32}")).status_code == 404
    assert (await world.client.get("/api/otel/traces/none")).json()["code"] == "not_found"


async def test_a_trace_of_any_depth_is_whole(world: World) -> None:
    chain = [(f"s{number}", number + 1, number, 10 + number) for number in range(3_000)]
    for low in range(0, len(chain), 500):
        await world.send("traces", export_spans(*chain[low : low + 500]))
    level = (await world.get(f"/api/otel/traces/{TRACE}"))["spans"]
    names = []
    while level:
        names += [span["name"] for span in level]
        level = [child for span in level for child in span["children"]]
    assert names == [name for name, *_ in chain]


async def test_spans_are_found_by_name_trace_time_and_text_ordered_by_their_start(world: World) -> None:
    await world.send("traces", export_spans(("third", 3, 0, 30), ("First", 1, 0, 10)))
    await world.send("traces", export_spans(("second", 2, 0, 20), trace=b"u" * 16))
    spans = await world.get("/api/otel/traces")
    assert [span["name"] for span in spans] == ["First", "second", "third"]
    first = spans[0]
    assert (first["status"], first["duration_ms"], first["start_time"]) == ("unset", 1000.0, "1970-01-01T00:00:10Z")
    assert (first["trace_id"], first["traceId"], first["parentSpanId"]) == (TRACE, TRACE, "")

    async def names(**query: object) -> list[str]:
        return [span["name"] for span in await world.get("/api/otel/traces", **query)]

    assert await names(limit=2) == ["second", "third"]
    assert await names(span_name="FIRST") == ["First"]
    assert await names(trace_id=TRACE) == ["First", "third"]
    assert await names(since="1970-01-01T00:00:20Z", until="1970-01-01T00:00:20Z") == ["second"]
    assert await names(query="tHird") == ["third"]
    await world.send("traces", export_spans(("Été à İstanbul", 4, 0, 40), trace=b"v" * 16))
    assert await names(span_name="ÉTÉ À İSTANBUL") == ["Été à İstanbul"]
    assert await names(query="à İstanbul") == ["Été à İstanbul"]


async def test_a_metric_is_one_item_with_the_time_of_its_newest_point(world: World) -> None:
    late = {"name": "load", "gauge": {"dataPoints": points((5, 1.0), (90, 2.0))}}
    early = {"name": "load", "unit": "1", "gauge": {"dataPoints": points((30, 3.0))}}
    await export(world, late, early, service__name="s")
    found = await world.get("/api/otel/metrics", name="LOAD")
    assert [metric["gauge"]["dataPoints"][-1]["asDouble"] for metric in found] == [3.0, 2.0]
    assert found[0]["resource"] == {"attributes": attributes(service__name="s")}
    since = await world.get("/api/otel/metrics", since="2026-03-01T09:16:00Z")
    assert [metric["gauge"] for metric in since] == [late["gauge"]]


async def test_a_metric_with_points_that_are_no_numbers_is_refused_alone(world: World) -> None:
    bad = {"name": "bad", "gauge": {"dataPoints": [{"timeUnixNano": "soon", "asDouble": 1}]}}
    low = {"name": "low", "histogram": {"dataPoints": [{"count": "1", "min": "low"}]}}
    body = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [bad, {"name": "good"}, {"name": 5}, low]}]}]}
    answer = await world.send("metrics", json.dumps(body).encode(), JSON)
    assert answer.json()["partialSuccess"]["rejectedDataPoints"] == "3"
    assert [metric["name"] for metric in await world.get("/api/otel/metrics")] == ["good"]
