"""Prometheus' families as OTLP's JSON. Pure: times are given.

Names are kept, as OpenTelemetry's own Prometheus receiver keeps them, but for what its conventions name.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Sample

Shown = dict[str, Any]
Labels = tuple[tuple[str, str], ...]

CONVENTIONS = {"gestalt_gateway_request_seconds": "http.server.request.duration"}
ATTRIBUTES = {"method": "http.request.method", "route": "http.route", "status": "http.response.status_code"}
UNITS = {"_seconds": "s", "_bytes": "By"}
CUMULATIVE = 2  # OTLP's aggregation temporality


def shown(family: Metric, now: int, since: int) -> Shown:
    """A family of gauges, counters or histograms as a metric. `now`, `since`: Unix ns."""
    times = {"timeUnixNano": str(now), "startTimeUnixNano": str(since)}
    if family.type == "histogram":
        data: Shown = {"histogram": {"aggregationTemporality": CUMULATIVE, "dataPoints": _histograms(family, times)}}
    elif family.type == "counter":
        points = _numbers((one for one in family.samples if one.name.endswith("_total")), times)
        data = {"sum": {"aggregationTemporality": CUMULATIVE, "isMonotonic": True, "dataPoints": points}}
    else:
        data = {"gauge": {"dataPoints": _numbers(family.samples, {"timeUnixNano": str(now)})}}
    unit = next((unit for ending, unit in UNITS.items() if family.name.endswith(ending)), "")
    name = CONVENTIONS.get(family.name, family.name)
    return {"name": name, "description": family.documentation, "unit": unit, **data}


def _numbers(samples: Iterable[Sample], times: Shown) -> list[Shown]:
    return [{**_attributes(_labels(one)), **times, "asDouble": float(one.value)} for one in samples]


def _histograms(family: Metric, times: Shown) -> list[Shown]:
    by_labels: dict[Labels, list[Sample]] = {}
    for sample in family.samples:
        by_labels.setdefault(_labels(sample), []).append(sample)
    return [{**_attributes(labels), **times, **_histogram(samples)} for labels, samples in by_labels.items()]


def _histogram(samples: list[Sample]) -> Shown:
    """Prometheus counts what is up to a bound, OTLP what is between two."""
    buckets = [(float(one.labels["le"]), one.value) for one in samples if "le" in one.labels]
    counts = [int(value) for _, value in buckets]
    between = [count - before for before, count in zip([0, *counts], counts, strict=False)]
    total = next((one.value for one in samples if one.name.endswith("_sum")), 0.0)
    return {
        "count": str(counts[-1] if counts else 0),
        "sum": total,
        "bucketCounts": [str(count) for count in between],
        "explicitBounds": [bound for bound, _ in buckets if not math.isinf(bound)],
    }


def _labels(sample: Sample) -> Labels:
    return tuple((name, value) for name, value in sample.labels.items() if name != "le")


def _attributes(labels: Labels) -> Mapping[str, Any]:
    pairs = [{"key": ATTRIBUTES.get(name, name), "value": {"stringValue": value}} for name, value in labels]
    return {"attributes": pairs} if pairs else {}
