"""The data points of stored metrics, each with the stream it belongs to."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator
from enum import Enum
from typing import Any

import msgspec
from msgspec import Struct

from gestalt_telemetry.otlp.values import LARGEST_INT, AnyValue, Attributes, of_json
from gestalt_telemetry.queries.timed import METRICS, Row, Wanted, where
from gestalt_telemetry.records import Origin, Scope
from gestalt_telemetry.store.reader import Reader, SegmentReader

DELTA, CUMULATIVE = 1, 2
NO_VALUE = 1
"""The flag of a point that only says that there is none."""

MARGIN_NS = 3_600_000_000_000
"""How far around the time asked for exports are read: what a counter gained is told against the export before, and an
export holds points that are older than its newest."""

KINDS = ("sum", "gauge", "histogram", "exponentialHistogram", "summary")
_key = msgspec.json.Encoder(order="deterministic").encode


class Nature(Enum):
    """What the value of a point is."""

    LEVEL = "how much there is"
    SUM = "what was added up"
    SPREAD = "a sum of single values, and how many they were"


class Spread(Struct, frozen=True):
    """What a point tells of its single values beside their sum; None and empty for what it does not tell."""

    count: int = 1
    least: float | None = None
    most: float | None = None
    bounds: tuple[float, ...] = ()
    buckets: tuple[int, ...] = ()


class Point(Struct, frozen=True):
    """One data point. `value`: of a spread its sum, NaN when it is not told; times: Unix ns.

    `line` tells the streams of one metric apart: by resource, scope and attributes, so that what two sources count is
    never taken for one counter.
    """

    metric: str
    line: bytes
    resource: Attributes
    attributes: Attributes
    nature: Nature
    cumulative: bool
    start: int
    time: int
    value: float
    spread: Spread = Spread()


def reach(wanted: Wanted) -> Wanted:
    """The exports that matter to a time."""
    since = None if wanted.since is None else max(0, wanted.since - MARGIN_NS)
    until = None if wanted.until is None else min(wanted.until + MARGIN_NS, LARGEST_INT)
    return Wanted(wanted.name, wanted.session, None, since, until)


def stored(reader: Reader, wanted: Wanted) -> Iterator[Point]:
    """Every data point of the exports wanted, by time of export over all segments: nothing is held but one of each."""
    sql, values = where(wanted)
    query = f"SELECT time, id, origin, record FROM {METRICS.table}{sql} ORDER BY time, id"  # noqa: S608 - our own names
    lanes = [
        _rows(segment, query, values)
        for segment in reader.segments()
        if segment.segment.may_hold(segment.segment.metrics, wanted.since, wanted.until)
    ]
    for row, segment in heapq.merge(*lanes, key=lambda found: found[0][0]):
        yield from points_of(msgspec.json.decode(row[3]), segment.origin(row[2]))


def _rows(segment: SegmentReader, query: str, values: list[Any]) -> Iterator[tuple[Row, SegmentReader]]:
    return ((row, segment) for row in segment.rows(query, values))


def points_of(metric: dict[str, Any], origin: Origin) -> Iterator[Point]:
    """The data points of one exported metric; those without a value are left out."""
    for kind in KINDS:
        data = metric.get(kind) or {}
        found = data.get("dataPoints") or []
        if not found:
            continue
        name, scope = str(metric.get("name", "")), origin.scope
        source = _key([origin.resource, scope.name, scope.version, scope.attributes, name, metric.get("unit"), kind])
        nature, cumulative = _nature(kind, data)
        for point in found:
            value = _value(point)
            if value is None or int(point.get("flags") or 0) & NO_VALUE:
                continue
            attributes = attributes_of(point)
            times = int(point.get("startTimeUnixNano") or 0), int(point.get("timeUnixNano") or 0)
            line = source + _key(attributes)
            spread = _spread(point) if nature is Nature.SPREAD else Spread()
            yield Point(name, line, origin.resource, attributes, nature, cumulative, *times, value, spread)


def _nature(kind: str, data: dict[str, Any]) -> tuple[Nature, bool]:
    """What the points of a metric are, and whether they count from a start. A summary always does."""
    temporality = int(data.get("aggregationTemporality") or 0)
    if kind == "gauge" or (kind == "sum" and temporality != DELTA and not data.get("isMonotonic")):
        return Nature.LEVEL, False
    if kind == "sum":
        return Nature.SUM, temporality == CUMULATIVE
    return Nature.SPREAD, kind == "summary" or temporality == CUMULATIVE


def _value(point: dict[str, Any]) -> float | None:
    for key in ("asInt", "asDouble", "sum"):
        if point.get(key) is not None:
            return float(point[key])
    return math.nan if point.get("count") is not None else None


def _spread(point: dict[str, Any]) -> Spread:
    return Spread(
        int(point.get("count") or 0),
        _number(point.get("min")),
        _number(point.get("max")),
        tuple(float(bound) for bound in point.get("explicitBounds") or ()),
        tuple(int(count) for count in point.get("bucketCounts") or ()),
    )


def _number(given: Any) -> float | None:
    return None if given is None else float(given)


def attributes_of(shown: dict[str, Any]) -> Attributes:
    """The attributes of a data point, a resource or a scope."""
    pairs = shown.get("attributes") or []
    return {pair.get("key", ""): of_json(msgspec.convert(pair.get("value") or {}, AnyValue)) for pair in pairs}


def origin_of(shown: dict[str, Any]) -> Origin:
    """Where a metric comes from, of its JSON."""
    resource, scope = shown.get("resource") or {}, shown.get("scope") or {}
    named = Scope(scope.get("name", ""), scope.get("version", ""), scope.get("schemaUrl", ""), attributes_of(scope))
    return Origin(attributes_of(resource), resource.get("schemaUrl", ""), named)
