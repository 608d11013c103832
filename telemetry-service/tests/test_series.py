"""Metrics over time, and what sessions used: each source by itself, each point once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from metrics_world import at, attributes, begun, export, histogram, points, total
from telemetry_world import World, running

pytestmark = pytest.mark.asyncio(loop_scope="module")
SINCE = "2026-03-01T09:15:00Z"
BEFORE, INSIDE = begun(-86_400), begun(1)
"""Starts of counters: yesterday, and in the time that is asked for."""


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["segments", "clickhouse"])
async def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """One for all: each test has its own names."""
    kept_by = {}
    if request.param == "clickhouse":
        kept_by = {"telemetry_store": f"{request.getfixturevalue('clickhouse')}/series"}
    async with running(tmp_path_factory.mktemp("series"), **kept_by) as world:
        yield world


async def series(world: World, name: str, aggregation: str = "sum", **query: str) -> list[list[float]]:
    """The values of each series, in steps of a minute."""
    asked = {"name": name, "aggregation": aggregation, "step": "1m", "since": SINCE, **query}
    found = await world.get("/api/otel/metrics/series", **asked)
    assert found["series_left_out"] == 0
    return [[point["value"] for point in line["points"]] for line in found["series"]]


async def test_what_a_counter_gained_is_added_up_also_over_its_restart(world: World) -> None:
    await export(world, total("requests", *points((0, 10), (30, 15), (70, 25), start=1)), service__name="s")
    await export(world, total("requests", *points((100, 4), start=INSIDE)), service__name="s")
    asked = {"name": "requests", "aggregation": "sum", "step": "1m", "since": "2026-03-01T09:00:00Z"}
    found = await world.get("/api/otel/metrics/series", **asked)
    (line,) = found["series"]
    assert line["attributes"] == {"service.name": "s"}
    assert [(point["time"], point["value"]) for point in line["points"]] == [
        ("2026-03-01T09:15:00Z", 5.0),
        ("2026-03-01T09:16:00Z", 14.0),
    ]


async def test_counters_of_two_instances_are_told_apart_and_added_up(world: World) -> None:
    for second, first, other in ((0, 1_000, 10), (30, 1_003, 14), (60, 1_010, 15)):
        for instance, value in (("a", first), ("b", other)):
            counter = total("answered", *points((second, value), start=BEFORE, route="/x"))
            await export(world, counter, service__name="worker", service__instance__id=instance)
    assert await series(world, "answered") == [[7.0, 8.0]]
    assert await series(world, "answered", "max") == [[4.0, 7.0]]


async def test_processes_that_cannot_be_told_apart_count_from_their_own_starts(world: World) -> None:
    for second, first, other in ((10, 5, 2), (20, 9, 3)):
        await export(world, total("jobs", *points((second, first), start=INSIDE)))
        await export(world, total("jobs", *points((second + 1, other), start=INSIDE + 1)))
    assert await series(world, "jobs") == [[12.0]]


async def test_levels_of_sources_are_added_up_as_they_were_last(world: World) -> None:
    for second in (0, 20, 40):
        for instance, value in (("a", 3.0), ("b", 4.0 + second)):
            gauge = {"name": "sessions", "gauge": {"dataPoints": points((second, value))}}
            await export(world, gauge, service__name="worker", service__instance__id=instance)
    assert await series(world, "sessions") == [[47.0]]
    assert await series(world, "sessions", "count") == [[6.0]]
    assert await series(world, "sessions", "max") == [[44.0]]


async def test_a_counter_that_came_once_counts_from_its_start_if_that_lies_inside(world: World) -> None:
    await export(world, total("inside", *points((30, 7), start=INSIDE)))
    await export(world, total("before", *points((30, 7), start=BEFORE)))
    await export(world, total("unknown", *points((30, 7), start=begun(30))))
    assert await series(world, "inside") == [[7.0]]
    assert await series(world, "before") == []
    assert await series(world, "unknown") == []


async def test_the_first_point_of_a_time_is_told_against_the_one_before_it(world: World) -> None:
    await export(world, total("old", *points((-50, 100), start=BEFORE)))
    await export(world, total("old", *points((10, 104), start=BEFORE)))
    assert await series(world, "old") == [[4.0]]
    assert await series(world, "old", until=SINCE) == []


async def test_what_was_sent_twice_or_late_counts_once(world: World) -> None:
    counter = total("c", *points((20, 5), start=INSIDE))
    later = total("c", *points((40, 8), start=INSIDE))
    delta = total("d", *points((20, 5), (30, 1), start=INSIDE), temporality=1)
    for one in (later, counter, counter, delta, delta):
        await export(world, one)
    assert await series(world, "c") == [[8.0]]
    assert await series(world, "d") == [[6.0]]


def spread(second: int, count: int, of: float, start: int, **more: Any) -> dict[str, Any]:
    return {
        "timeUnixNano": at(second), "startTimeUnixNano": str(start), "count": str(count), "sum": of, **more,
    }  # fmt: skip


async def test_a_histogram_tells_what_came_between_two_exports(world: World) -> None:
    bounds = {"explicitBounds": [1, 10]}
    first = spread(20, 4, 40.0, BEFORE, bucketCounts=["2", "1", "1"], **bounds)
    second = spread(40, 6, 52.0, BEFORE, bucketCounts=["2", "3", "1"], **bounds)
    quiet = spread(70, 6, 52.0, BEFORE, bucketCounts=["2", "3", "1"], **bounds)
    await export(world, histogram("took", first))
    await export(world, histogram("took", second))
    await export(world, histogram("took", quiet))
    told = {name: await series(world, "took", name) for name in ("sum", "count", "avg", "min", "max", "last")}
    assert told == {
        "sum": [[12.0, 0.0]], "count": [[2.0, 0.0]], "avg": [[6.0]], "min": [[1.0]], "max": [[10.0]], "last": [[6.0]],
    }  # fmt: skip


async def test_no_single_value_lies_beyond_what_a_histogram_tells_of_all(world: World) -> None:
    known = {"explicitBounds": [1, 10, 100], "min": 3, "max": 40}
    await export(world, histogram("known", spread(20, 2, 50.0, BEFORE, bucketCounts=["0", "1", "1", "0"], **known)))
    await export(world, histogram("known", spread(40, 4, 70.0, BEFORE, bucketCounts=["0", "2", "2", "0"], **known)))
    assert [await series(world, "known", name) for name in ("min", "max")] == [[[3.0]], [[40.0]]]


async def test_a_histogram_that_came_once_is_whole(world: World) -> None:
    once = spread(20, 4, 40.0, INSIDE, bucketCounts=["2", "1", "1"], explicitBounds=[1, 10], min=0.5, max=32)
    await export(world, histogram("lasted", once))
    await export(world, histogram("deltas", once, spread(30, 1, 8.0, INSIDE), temporality=1))
    assert [await series(world, "lasted", name) for name in ("count", "avg", "min", "max")] == [
        [[4.0]], [[10.0]], [[0.5]], [[32.0]],
    ]  # fmt: skip
    assert [await series(world, "deltas", name) for name in ("count", "avg", "last")] == [[[5.0]], [[9.6]], [[8.0]]]


async def test_a_point_that_says_it_has_no_value_is_none(world: World) -> None:
    stale = {"timeUnixNano": at(30), "flags": 1}
    await export(world, {"name": "g", "gauge": {"dataPoints": [*points((10, 5)), stale, {"timeUnixNano": at(40)}]}})
    assert await series(world, "g", "min") == [[5.0]]


async def test_series_beyond_the_bound_are_counted(world: World) -> None:
    await export(world, total("many", *[points((10, 1), start=INSIDE, n=str(n))[0] for n in range(103)]))
    found = await world.get("/api/otel/metrics/series", name="many", since=SINCE)
    assert (len(found["series"]), found["series_left_out"]) == (100, 3)


async def test_a_series_of_many_exports_is_whole(world: World) -> None:
    for low in (0, 1_000):
        await export(world, *(total("many exports", *points((n, n), start=BEFORE)) for n in range(low, low + 1_000)))
    assert sum((await series(world, "many exports"))[0]) == 1_999


async def usage(world: World, session: str, **query: str) -> dict[str, Any]:
    """What one session used."""
    (told,) = (await world.get("/api/otel/usage", session_id=session, **query))["sessions"]
    return dict(told)


async def test_usage_counts_each_source_once_and_knows_what_it_does_not_know(world: World) -> None:
    one = {"session__id": "Coder 1", "session__uid": "uid-1"}
    delta = total("claude_code.token.usage", *points((1, 100), (2, 50), type="input"), temporality=1)
    cost = total("claude_code.cost.usage", *points((1, 0.5)), temporality=1)
    await export(world, delta, cost, **one)
    await export(world, delta, **one)  # sent again
    output = total("claude_code.token.usage", *points((3, 7), type="output"), temporality=1)
    gen_ai = total("gen_ai.client.token.usage", *points((1, 1000), gen_ai__token__type="input"), temporality=1)
    await export(world, output, gen_ai, **one)
    codex = total("codex.turn.token_usage", *points((1, 3), (9, 9), start=1, token_type="cached_input"))
    await export(world, codex, session__id="Codex 1")
    first, second = await usage(world, "Coder 1"), await usage(world, "Codex 1")
    assert (first["session_id"], first["session_uid"], first["source"]) == ("Coder 1", "uid-1", "claude_code")
    assert (first["input_tokens"], first["output_tokens"], first["cost_usd"]) == (150, 7, 0.5)
    assert (second["session_id"], second["cache_read_tokens"]) == ("Codex 1", 9)
    assert (second["input_tokens"], second["cost_usd"], second["session_uid"]) == (None, None, None)
    assert await usage(world, "uid-1") == first


async def test_tokens_and_cost_may_be_told_by_two_conventions(world: World) -> None:
    cost = total("claude_code.cost.usage", *points((1, 0.5)), temporality=1)
    tokens = histogram(
        "gen_ai.client.token.usage", *(
            {**spread(2, 3, value, INSIDE), "attributes": attributes(gen_ai__token__type=kind)}
            for kind, value in (("input", 900.0), ("output", 30.0))
        ),
    )  # fmt: skip
    await export(world, cost, tokens, session__id="Coder 2")
    told = await usage(world, "Coder 2")
    assert (told["input_tokens"], told["output_tokens"], told["cost_usd"]) == (900, 30, 0.5)
    assert (told["source"], told["cost_source"]) == ("gen_ai", "claude_code")


async def test_what_is_no_number_of_tokens_is_not_counted(world: World) -> None:
    unknown = {key: value for key, value in spread(2, 3, 0.0, INSIDE).items() if key != "sum"}
    infinite = points((3, 1), start=INSIDE, gen_ai__token__type="input")[0] | {"asDouble": "Infinity"}
    tokens = {**unknown, "attributes": attributes(gen_ai__token__type="output")}
    await export(world, histogram("gen_ai.client.token.usage", tokens), session__id="Coder 3")
    await export(world, total("gen_ai.client.token.usage", infinite), session__id="Coder 3")
    assert (await world.get("/api/otel/usage", session_id="Coder 3"))["sessions"] == []


async def test_usage_of_a_time_is_what_was_counted_in_it(world: World) -> None:
    counted = total("codex.turn.token_usage", *points((-50, 100), (10, 140), start=BEFORE, token_type="input"))
    await export(world, counted, session__id="Codex 2")
    assert (await usage(world, "Codex 2", since=SINCE))["input_tokens"] == 40
    assert (await usage(world, "Codex 2"))["input_tokens"] == 140
