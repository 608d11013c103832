"""Metrics as OTLP's JSON has them: that is how they are stored, whichever way they came."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from msgspec import Struct
from opentelemetry.proto.metrics.v1 import metrics_pb2 as proto

from gestalt_telemetry.otlp.decoded import LARGEST_TIME
from gestalt_telemetry.otlp.values import KeyValue, Malformed, attributes_of_json, attributes_of_proto, double, number
from gestalt_telemetry.otlp.values import pairs as shown_pairs
from gestalt_telemetry.records import Metric

Shown = dict[str, Any]
KINDS = ("sum", "gauge", "histogram", "exponentialHistogram", "summary")
Int64 = int | str
Double = float | str


class Point(Struct, rename="camel"):
    """A data point of any kind, as far as its types are looked at."""

    time_unix_nano: Int64 = 0
    start_time_unix_nano: Int64 = 0
    attributes: list[KeyValue] = []
    as_int: Int64 | None = None
    as_double: Double | None = None
    count: Int64 = 0
    sum: Double | None = None
    bucket_counts: list[Int64] = []
    explicit_bounds: list[Double] = []


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


def of_json(raw: msgspec.Raw) -> Metric:
    """A metric that came as JSON. Raises Malformed."""
    try:
        shape = msgspec.json.decode(raw, type=Shape)
        found: Shown = msgspec.json.decode(raw)
    except msgspec.MsgspecError as error:
        raise Malformed(f"a metric is malformed: {error}") from None
    data = (shape.sum, shape.gauge, shape.histogram, shape.exponential_histogram, shape.summary)
    times = [_checked(point) for points in data if points is not None for point in points.data_points]
    return Metric(max(times, default=0), shape.name, found)


def _checked(point: Point) -> int:
    """The time of a point whose numbers are numbers. Raises Malformed."""
    for given in (point.start_time_unix_nano, point.count, *point.bucket_counts):
        unsigned(given)
    for value in (point.as_double, point.sum, *point.explicit_bounds):
        double(value or 0.0)
    attributes_of_json(point.attributes)
    return unsigned(point.time_unix_nano)


def unsigned(given: Int64) -> int:
    """An unsigned 64-bit number. Raises Malformed."""
    text = str(given)
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(LARGEST_TIME)) and int(text) <= LARGEST_TIME):
        raise Malformed("a time or count is no unsigned 64-bit number")
    return int(text)


def of_proto(metric: proto.Metric) -> Metric:
    """A metric that came as protobuf. Raises Malformed."""
    found: Shown = {"name": metric.name, "description": metric.description, "unit": metric.unit}
    kind = metric.WhichOneof("data")
    if kind is None:
        return Metric(0, metric.name, found)
    data = getattr(metric, kind)
    points = [_POINTS[kind](point) for point in data.data_points]
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


def _number(point: proto.NumberDataPoint) -> Shown:
    shown = _common(point)
    kind = point.WhichOneof("value")
    if kind == "as_int":
        shown["asInt"] = str(point.as_int)
    elif kind == "as_double":
        shown["asDouble"] = number(point.as_double)
    return shown | _exemplars(point.exemplars)


def _totals(point: Any) -> Shown:
    shown: Shown = {"count": str(point.count)}
    for name in ("sum", "min", "max"):
        if point.HasField(name):
            shown[name] = number(getattr(point, name))
    return shown


def _histogram(point: proto.HistogramDataPoint) -> Shown:
    return {
        **_common(point),
        **_totals(point),
        "bucketCounts": [str(count) for count in point.bucket_counts],
        "explicitBounds": [number(bound) for bound in point.explicit_bounds],
        **_exemplars(point.exemplars),
    }


def _exponential(point: proto.ExponentialHistogramDataPoint) -> Shown:
    return {
        **_common(point),
        **_totals(point),
        "scale": point.scale,
        "zeroCount": str(point.zero_count),
        "zeroThreshold": number(point.zero_threshold),
        "positive": _buckets(point.positive),
        "negative": _buckets(point.negative),
        **_exemplars(point.exemplars),
    }


def _buckets(buckets: proto.ExponentialHistogramDataPoint.Buckets) -> Shown:
    return {"offset": buckets.offset, "bucketCounts": [str(count) for count in buckets.bucket_counts]}


def _summary(point: proto.SummaryDataPoint) -> Shown:
    values = [{"quantile": number(one.quantile), "value": number(one.value)} for one in point.quantile_values]
    return {**_common(point), "count": str(point.count), "sum": number(point.sum), "quantileValues": values}


def _exemplars(exemplars: Iterable[proto.Exemplar]) -> Shown:
    shown = [_exemplar(one) for one in exemplars]
    return {"exemplars": shown} if shown else {}


def _exemplar(one: proto.Exemplar) -> Shown:
    kind = one.WhichOneof("value")
    value: Shown = {}
    if kind is not None:
        value = {"asInt": str(one.as_int)} if kind == "as_int" else {"asDouble": number(one.as_double)}
    return {
        "filteredAttributes": shown_pairs(attributes_of_proto(one.filtered_attributes)),
        "timeUnixNano": str(one.time_unix_nano),
        "traceId": one.trace_id.hex(),
        "spanId": one.span_id.hex(),
        **value,
    }


_POINTS: dict[str, Callable[[Any], Shown]] = {
    "sum": _number,
    "gauge": _number,
    "histogram": _histogram,
    "exponential_histogram": _exponential,
    "summary": _summary,
}
