"""Metrics as OTLP's JSON has them: that is how they are stored, whichever way they came."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from msgspec import Struct
from opentelemetry.proto.metrics.v1 import metrics_pb2 as proto

from gestalt_telemetry.otlp.decoded import LARGEST_TIME, Decoded, of_hex
from gestalt_telemetry.otlp.values import (
    KeyValue,
    Malformed,
    attributes_of_json,
    attributes_of_proto,
    double,
    integer,
    number,
)
from gestalt_telemetry.otlp.values import pairs as shown_pairs
from gestalt_telemetry.records import Metric

Shown = dict[str, Any]
KINDS = ("sum", "gauge", "histogram", "exponentialHistogram", "summary")
Int64 = int | str
Double = float | str


class Exemplar(Struct, rename="camel"):
    """A single value of a data point, as far as it is looked at."""

    trace_id: str = ""
    span_id: str = ""


class Point(Struct, rename="camel"):
    """A data point of any kind, as far as its types are looked at."""

    time_unix_nano: Int64 = 0
    start_time_unix_nano: Int64 = 0
    attributes: list[KeyValue] = []
    as_int: Int64 | None = None
    as_double: Double | None = None
    flags: Int64 = 0
    count: Int64 = 0
    sum: Double | None = None
    min: Double | None = None
    max: Double | None = None
    bucket_counts: list[Int64] = []
    explicit_bounds: list[Double] = []
    exemplars: list[Exemplar] = []


class Points(Struct, rename="camel"):
    """The data of a metric."""

    data_points: list[Point] = []
    aggregation_temporality: int = 0
    is_monotonic: bool = False


class Shape(Struct, rename="camel"):
    """A metric of OTLP's JSON, as far as it is looked at."""

    name: str = ""
    description: str = ""
    unit: str = ""
    sum: Points | None = None
    gauge: Points | None = None
    histogram: Points | None = None
    exponential_histogram: Points | None = None
    summary: Points | None = None


def of_json(decoded: Decoded, raw: msgspec.Raw) -> Metric:
    """A metric that came as JSON. Raises Malformed."""
    try:
        shape = msgspec.json.decode(raw, type=Shape)
        found: Shown = msgspec.json.decode(raw)
    except msgspec.MsgspecError as error:
        raise Malformed(f"a metric is malformed: {error}") from None
    data = (shape.sum, shape.gauge, shape.histogram, shape.exponential_histogram, shape.summary)
    points = [point for points in data if points is not None for point in points.data_points]
    times = [_checked(point) for point in points]
    if any(point.exemplars for point in points):
        _drop_bad_ids(decoded, found)
    return Metric(max(times, default=0), shape.name, found)


def _drop_bad_ids(decoded: Decoded, metric: Shown) -> None:
    """Of the exemplars of a metric whose shape is right."""
    for kind in KINDS:
        for point in (metric.get(kind) or {}).get("dataPoints", []):
            for exemplar in point.get("exemplars") or []:
                for key, checked in (("traceId", decoded.trace_id), ("spanId", decoded.span_id)):
                    if key in exemplar:
                        exemplar[key] = checked(of_hex(exemplar[key])).hex()


def _checked(point: Point) -> int:
    """The time of a point whose numbers are numbers. Raises Malformed."""
    for given in (point.start_time_unix_nano, point.flags, point.count, *point.bucket_counts):
        unsigned(given)
    for value in (point.as_double, point.sum, point.min, point.max, *point.explicit_bounds):
        double(value or 0.0)
    integer(point.as_int or 0)
    attributes_of_json(point.attributes)
    return unsigned(point.time_unix_nano)


def unsigned(given: Int64) -> int:
    """An unsigned 64-bit number. Raises Malformed."""
    text = str(given)
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(LARGEST_TIME)) and int(text) <= LARGEST_TIME):
        raise Malformed("a time or count is no unsigned 64-bit number")
    return int(text)


def of_proto(decoded: Decoded, metric: proto.Metric) -> Metric:
    """A metric that came as protobuf. Raises Malformed."""
    found: Shown = {"name": metric.name, "description": metric.description, "unit": metric.unit}
    kind = metric.WhichOneof("data")
    if kind is None:
        return Metric(0, metric.name, found)
    data = getattr(metric, kind)
    points = [_POINTS[kind](decoded, point) for point in data.data_points]
    times = [point.time_unix_nano for point in data.data_points]
    shown: Shown = {"dataPoints": points}
    if kind in {"sum", "histogram", "exponential_histogram"}:
        shown["aggregationTemporality"] = data.aggregation_temporality
    if kind == "sum":
        shown["isMonotonic"] = data.is_monotonic
    found["exponentialHistogram" if kind == "exponential_histogram" else kind] = shown
    return Metric(max(times, default=0), metric.name, found)


def _common(point: Any) -> Shown:
    shown: Shown = {
        "attributes": shown_pairs(attributes_of_proto(point.attributes)),
        "startTimeUnixNano": str(point.start_time_unix_nano),
        "timeUnixNano": str(point.time_unix_nano),
    }
    return shown | ({"flags": point.flags} if point.flags else {})


def _number(decoded: Decoded, point: proto.NumberDataPoint) -> Shown:
    shown = _common(point)
    kind = point.WhichOneof("value")
    if kind == "as_int":
        shown["asInt"] = str(point.as_int)
    elif kind == "as_double":
        shown["asDouble"] = number(point.as_double)
    return shown | _exemplars(decoded, point.exemplars)


def _totals(point: Any) -> Shown:
    shown: Shown = {"count": str(point.count)}
    for name in ("sum", "min", "max"):
        if point.HasField(name):
            shown[name] = number(getattr(point, name))
    return shown


def _histogram(decoded: Decoded, point: proto.HistogramDataPoint) -> Shown:
    return {
        **_common(point),
        **_totals(point),
        "bucketCounts": [str(count) for count in point.bucket_counts],
        "explicitBounds": [number(bound) for bound in point.explicit_bounds],
        **_exemplars(decoded, point.exemplars),
    }


def _exponential(decoded: Decoded, point: proto.ExponentialHistogramDataPoint) -> Shown:
    return {
        **_common(point),
        **_totals(point),
        "scale": point.scale,
        "zeroCount": str(point.zero_count),
        "zeroThreshold": number(point.zero_threshold),
        "positive": _buckets(point.positive),
        "negative": _buckets(point.negative),
        **_exemplars(decoded, point.exemplars),
    }


def _buckets(buckets: proto.ExponentialHistogramDataPoint.Buckets) -> Shown:
    return {"offset": buckets.offset, "bucketCounts": [str(count) for count in buckets.bucket_counts]}


def _summary(_: Decoded, point: proto.SummaryDataPoint) -> Shown:
    values = [{"quantile": number(one.quantile), "value": number(one.value)} for one in point.quantile_values]
    return {**_common(point), "count": str(point.count), "sum": number(point.sum), "quantileValues": values}


def _exemplars(decoded: Decoded, exemplars: Iterable[proto.Exemplar]) -> Shown:
    shown = [_exemplar(decoded, one) for one in exemplars]
    return {"exemplars": shown} if shown else {}


def _exemplar(decoded: Decoded, one: proto.Exemplar) -> Shown:
    kind = one.WhichOneof("value")
    value: Shown = {}
    if kind is not None:
        value = {"asInt": str(one.as_int)} if kind == "as_int" else {"asDouble": number(one.as_double)}
    return {
        "filteredAttributes": shown_pairs(attributes_of_proto(one.filtered_attributes)),
        "timeUnixNano": str(one.time_unix_nano),
        "traceId": decoded.trace_id(one.trace_id).hex(),
        "spanId": decoded.span_id(one.span_id).hex(),
        **value,
    }


_POINTS: dict[str, Callable[[Decoded, Any], Shown]] = {
    "sum": _number,
    "gauge": _number,
    "histogram": _histogram,
    "exponential_histogram": _exponential,
    "summary": _summary,
}
