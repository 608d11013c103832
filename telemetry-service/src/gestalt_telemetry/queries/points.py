"""The data points of stored metrics, each with the stream it belongs to."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator
from enum import Enum
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import Struct

from gestalt_telemetry.otlp.values import LARGEST_INT, Attributes, KeyValue, of_json
from gestalt_telemetry.queries.timed import METRICS, Row, Wanted, where
from gestalt_telemetry.records import Origin, Scope
from gestalt_telemetry.store.reader import Reader, SegmentReader

DELTA, CUMULATIVE = 1, 2
NO_VALUE = 1
"""The flag of a point that only says that there is none."""

MARGIN_NS = 3_600_000_000_000
"""How far around the time asked for exports are read: what a counter gained is told against the export before, and an
export holds points that are older than its newest."""

KINDS = ("sum", "gauge", "histogram", "exponential_histogram", "summary")
SETS_KNOWN = 4_096
"""Sets of attributes that are kept decoded: a series has thousands of points with the same."""

LONGEST_KNOWN = 8_192
"""Bytes of one that is: what is kept is bounded, whatever is sent."""

NONE, NOTHING = msgspec.Raw(b"[]"), msgspec.Raw(b"{}")
Number = int | float | str
_key = msgspec.json.Encoder(order="deterministic").encode


class DataPoint(Struct, rename="camel"):
    """A data point as it is stored: as it came, or as protobuf's says it."""

    attributes: msgspec.Raw = NONE
    start_time_unix_nano: Number = 0
    time_unix_nano: Number = 0
    flags: Number = 0
    as_int: Number | None = None
    as_double: Number | None = None
    count: Number | None = None
    sum: Number | None = None
    min: Number | None = None
    max: Number | None = None
    bucket_counts: list[Number] = []
    explicit_bounds: list[Number] = []


class Data(Struct, rename="camel"):
    """The points of a metric."""

    data_points: list[DataPoint] = []
    aggregation_temporality: int = 0
    is_monotonic: bool = False


class Exported(Struct, rename="camel"):
    """A metric as it is stored."""

    name: str = ""
    unit: str = ""
    sum: Data | None = None
    gauge: Data | None = None
    histogram: Data | None = None
    exponential_histogram: Data | None = None
    summary: Data | None = None
    resource: msgspec.Raw = NOTHING
    scope: msgspec.Raw = NOTHING


class Described(Struct, rename="camel"):
    """A resource or a scope."""

    name: str = ""
    version: str = ""
    schema_url: str = ""
    attributes: msgspec.Raw = NONE


exported = msgspec.json.Decoder(Exported).decode
_pairs = msgspec.json.Decoder(list[KeyValue] | None)
_described = msgspec.json.Decoder(Described)


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


SINGLE = Spread()


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
    spread: Spread = SINGLE


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
        yield from points_of(exported(row[3]), segment.origin(row[2]))


def _rows(segment: SegmentReader, query: str, values: list[Any]) -> Iterator[tuple[Row, SegmentReader]]:
    return ((row, segment) for row in segment.rows(query, values))


def points_of(metric: Exported, origin: Origin) -> Iterator[Point]:
    """The data points of one exported metric; those without a value are left out."""
    for kind in KINDS:
        data: Data | None = getattr(metric, kind)
        if data is None or not data.data_points:
            continue
        source = _source(metric, kind, origin)
        nature, cumulative = _nature(kind, data)
        for point in data.data_points:
            value = _value(point)
            if value is None or int(point.flags) & NO_VALUE:
                continue
            key, attributes = attribute_set(bytes(point.attributes))
            times = int(point.start_time_unix_nano), int(point.time_unix_nano)
            spread = _spread(point) if nature is Nature.SPREAD else SINGLE
            yield Point(
                metric.name, source + key, origin.resource, attributes, nature, cumulative, *times, value, spread
            )


def _source(metric: Exported, kind: str, origin: Origin) -> bytes:
    scope = origin.scope
    return _key([origin.resource, scope.name, scope.version, scope.attributes, metric.name, metric.unit, kind])


def _nature(kind: str, data: Data) -> tuple[Nature, bool]:
    """What the points of a metric are, and whether they count from a start. A summary always does."""
    temporality = data.aggregation_temporality
    if kind == "gauge" or (kind == "sum" and temporality != DELTA and not data.is_monotonic):
        return Nature.LEVEL, False
    if kind == "sum":
        return Nature.SUM, temporality == CUMULATIVE
    return Nature.SPREAD, kind == "summary" or temporality == CUMULATIVE


def _value(point: DataPoint) -> float | None:
    for given in (point.as_int, point.as_double, point.sum):
        if given is not None:
            return float(given)
    return None if point.count is None else math.nan


def _spread(point: DataPoint) -> Spread:
    least, most = (None if given is None else float(given) for given in (point.min, point.max))
    bounds, buckets = map(float, point.explicit_bounds), map(int, point.bucket_counts)
    return Spread(int(point.count or 0), least, most, tuple(bounds), tuple(buckets))


def attribute_set(json: bytes) -> tuple[bytes, Attributes]:
    """Attributes, and what tells them from others in whatever order they stand."""
    return _known_set(json) if len(json) <= LONGEST_KNOWN else _decoded_set(json)


def origin_of(resource: bytes, scope: bytes) -> Origin:
    """Where a metric comes from, of the JSON of its resource and scope."""
    known = len(resource) + len(scope) <= LONGEST_KNOWN
    return _known_origin(resource, scope) if known else _decoded_origin(resource, scope)


def _decoded_set(json: bytes) -> tuple[bytes, Attributes]:
    pairs = _pairs.decode(json) or []
    attributes = {pair.key: of_json(pair.value) for pair in pairs}
    return _key(attributes), attributes


def _decoded_origin(resource: bytes, scope: bytes) -> Origin:
    found, named = _described.decode(resource), _described.decode(scope)
    own = Scope(named.name, named.version, named.schema_url, attribute_set(bytes(named.attributes))[1])
    return Origin(attribute_set(bytes(found.attributes))[1], found.schema_url, own)


_known_set = lru_cache(maxsize=SETS_KNOWN)(_decoded_set)
_known_origin = lru_cache(maxsize=SETS_KNOWN)(_decoded_origin)
