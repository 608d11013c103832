"""Spans, trees, metrics, series, usage."""

from __future__ import annotations

import json
from typing import Any

import pytest
from telemetry_world import JSON, World, export_spans

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.parametrize("engine", ["segments", "clickhouse"]),
]
TRACE = (b"t" * 16).hex()
T0 = 1_772_356_500


def attributes(**named: object) -> list[dict[str, Any]]:
    return [{"key": key.replace("__", "."), "value": {"stringValue": value}} for key, value in named.items()]


def points(*values: tuple[int, float], start: int = 0, **named: str) -> list[dict[str, Any]]:
    return [
        {
            "timeUnixNano": str((T0 + second) * 10**9),
            "startTimeUnixNano": str(start),
            "asDouble": value,
            "attributes": attributes(**named),
        }
        for second, value in values
    ]


async def export(world: World, *metrics: dict[str, Any], **resource: str) -> None:
    group = {"resource": {"attributes": attributes(**resource)}, "scopeMetrics": [{"metrics": list(metrics)}]}
    answer = await world.send("metrics", json.dumps({"resourceMetrics": [group]}).encode(), JSON)
    assert (answer.status_code, answer.json()) == (200, {})


def total(name: str, *data: dict[str, Any], temporality: int = 2) -> dict[str, Any]:
    return {
        "name": name,
        "sum": {"dataPoints": list(data), "aggregationTemporality": temporality, "isMonotonic": True},
    }


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
    body = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [bad, {"name": "good"}, {"name": 5}]}]}]}
    answer = await world.send("metrics", json.dumps(body).encode(), JSON)
    assert answer.json()["partialSuccess"]["rejectedDataPoints"] == "2"
    assert [metric["name"] for metric in await world.get("/api/otel/metrics")] == ["good"]


async def test_a_series_adds_what_a_counter_gained_also_over_its_restart(world: World) -> None:
    await export(world, total("requests", *points((0, 10), (30, 15), (70, 25), start=1)), service__name="s")
    await export(world, total("requests", *points((100, 4), start=2)), service__name="s")
    asked = {"name": "requests", "aggregation": "sum", "step": "1m", "since": "2026-03-01T09:00:00Z"}
    found = await world.get("/api/otel/metrics/series", **asked)
    (line,) = found["series"]
    assert line["attributes"] == {"service.name": "s"}
    assert [(point["time"], point["value"]) for point in line["points"]] == [
        ("2026-03-01T09:15:00Z", 5.0),
        ("2026-03-01T09:16:00Z", 14.0),
    ]


async def test_usage_counts_each_source_once_and_knows_what_it_does_not_know(world: World) -> None:
    one = {"session__id": "Coder 1", "session__uid": "uid-1"}
    delta = total("claude_code.token.usage", *points((1, 100), (2, 50), type="input"), temporality=1)
    cost = total("claude_code.cost.usage", *points((1, 0.5)), temporality=1)
    await export(world, delta, cost, **one)
    await export(world, delta, **one)  # sent again
    output = total("claude_code.token.usage", *points((3, 7), type="output"), temporality=1)
    gen_ai = total("gen_ai.client.token.usage", *points((1, 1000), gen_ai__token__type="input"), temporality=1)
    await export(world, output, gen_ai, **one)
    codex = total("codex.turn.token_usage", *points((1, 5), (2, 9), start=1, token_type="cached_input"))
    await export(world, codex, session__id="Codex 1")
    first, second = (await world.get("/api/otel/usage"))["sessions"]
    assert (first["session_id"], first["session_uid"], first["source"]) == ("Coder 1", "uid-1", "claude_code")
    assert (first["input_tokens"], first["output_tokens"], first["cost_usd"]) == (150, 7, 0.5)
    assert (second["session_id"], second["cache_read_tokens"]) == ("Codex 1", 9)
    assert (second["input_tokens"], second["cost_usd"], second["session_uid"]) == (None, None, None)
    assert [one["session_id"] for one in (await world.get("/api/otel/usage", session_id="uid-1"))["sessions"]] == [
        "Coder 1"
    ]
