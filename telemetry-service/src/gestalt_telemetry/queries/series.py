"""A metric over time: its data points gathered into steps, one series for each set of attributes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec
from msgspec import Struct

from gestalt_telemetry.otlp.values import AnyValue, Attributes, of_json
from gestalt_telemetry.queries.shown import moment
from gestalt_telemetry.queries.timed import METRICS, Wanted, where
from gestalt_telemetry.store.reader import Reader

CUMULATIVE = 2
MOST_METRICS = 200_000  # exports looked at
MOST_SERIES = 100
KINDS = ("sum", "gauge", "histogram", "exponentialHistogram", "summary")


class Point(Struct, frozen=True):
    """One data point. `value`: of a histogram or summary its sum; `start`: since when a sum counts."""

    time: int
    start: int
    value: float
    count: int
    attributes: Attributes
    resource: Attributes
    cumulative: bool
    monotonic: bool


def reach(wanted: Wanted) -> Wanted:
    """The exports that may hold points of a time: they hold points older than their newest."""
    return Wanted(wanted.name, wanted.session, None, wanted.since, None)


def points(reader: Reader, wanted: Wanted) -> Iterator[Point]:
    """Every data point of the metrics wanted, by time of export."""
    sql, values = where(wanted)
    for segment in reader.segments():
        if not segment.segment.may_hold(segment.segment.metrics, wanted.since, wanted.until):
            continue
        query = f"SELECT time, id, origin, record FROM {METRICS.table}{sql} ORDER BY time LIMIT ?"  # noqa: S608 - our own names
        for row in segment.rows(query, [*values, MOST_METRICS]):
            yield from points_of(msgspec.json.decode(row[3]), segment.origin(row[2]).resource)


def points_of(metric: dict[str, Any], resource: Attributes) -> Iterator[Point]:
    """The data points of one exported metric."""
    for kind in KINDS:
        data = metric.get(kind) or {}
        cumulative = int(data.get("aggregationTemporality") or 0) == CUMULATIVE
        for point in data.get("dataPoints") or []:
            yield Point(
                int(point.get("timeUnixNano") or 0),
                int(point.get("startTimeUnixNano") or 0),
                _value(point),
                int(point.get("count") or 0),
                attributes_of(point),
                resource,
                cumulative,
                bool(data.get("isMonotonic")) or kind not in {"sum", "gauge"},
            )


def _value(point: dict[str, Any]) -> float:
    for key in ("asInt", "asDouble", "sum"):
        if point.get(key) is not None:
            return float(point[key])
    return 0.0


def attributes_of(shown: dict[str, Any]) -> Attributes:
    """The attributes of a data point or a resource."""
    pairs = shown.get("attributes") or []
    return {pair.get("key", ""): of_json(msgspec.convert(pair.get("value") or {}, AnyValue)) for pair in pairs}


AGGREGATIONS: dict[str, Callable[[list[float]], float]] = {
    "sum": sum,
    "avg": lambda values: sum(values) / len(values),
    "min": min,
    "max": max,
    "last": lambda values: values[-1],
    "count": lambda values: float(len(values)),
}


def series(found: Iterable[Point], step: int, aggregation: str, wanted: Wanted) -> list[dict[str, Any]]:
    """`{attributes, points: [{time, value}]}` of each set of attributes; `step` in ns.

    Sums that count up from a start are turned into what was added between two points, before they are aggregated.
    """
    by_attributes: dict[bytes, tuple[Attributes, list[Point]]] = {}
    for point in found:
        if _within(point, wanted):
            named = {**point.attributes, "service.name": point.resource.get("service.name", "")}
            key = msgspec.json.encode(sorted(named.items()), enc_hook=str)
            by_attributes.setdefault(key, (named, []))[1].append(point)
    chosen = sorted(by_attributes.items())[:MOST_SERIES]
    return [
        {"attributes": attributes, "points": _stepped(increments(line), step, aggregation)}
        for _, (attributes, line) in chosen
    ]


def _within(point: Point, wanted: Wanted) -> bool:
    return (wanted.since is None or point.time >= wanted.since) and (wanted.until is None or point.time <= wanted.until)


def increments(line: list[Point]) -> list[tuple[int, float]]:
    """(time, value) of each point, by time; of a cumulative sum what came since the one before.

    A sum that begins anew counts from its beginning. The first point of one that began before counts nothing.
    """
    found: list[tuple[int, float]] = []
    before: Point | None = None
    for point in sorted(line, key=lambda one: one.time):
        if not (point.cumulative and point.monotonic):
            found.append((point.time, point.value))
        elif before is not None and point.start == before.start and point.value >= before.value:
            found.append((point.time, point.value - before.value))
        elif before is not None:
            found.append((point.time, point.value))
        before = point
    return found


def _stepped(values: list[tuple[int, float]], step: int, aggregation: str) -> list[dict[str, Any]]:
    steps: dict[int, list[float]] = {}
    for time, value in values:
        steps.setdefault(time // step * step, []).append(value)
    aggregate = AGGREGATIONS[aggregation]
    return [{"time": moment(start), "value": aggregate(steps[start])} for start in sorted(steps)]
