"""What a service counts: read when somebody looks, told when it has changed, and only then."""

from __future__ import annotations

from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from gestalt_serving import otlp_metrics
from gestalt_serving.metrics import EVERY_SECONDS, WHOLE_SECONDS, ServiceMetrics


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def told(metrics: ServiceMetrics) -> dict[str, Any]:
    found = {one["name"]: one for one in metrics.outbox._waiting}
    metrics.outbox._waiting.clear()
    return found


def test_a_reading_is_taken_when_somebody_looks() -> None:
    metrics, viewers = ServiceMetrics("session"), [3]
    metrics.gauge("gestalt_viewers", "Clients that watch", lambda: viewers[0])
    metrics.counter("gestalt_restarts", "Again", lambda: 2)
    viewers[0] = 4
    metrics.note(0.02)
    text = metrics.text().decode()
    assert "gestalt_viewers 4.0" in text
    assert "gestalt_restarts_total 2.0" in text
    assert 'gestalt_event_loop_lag_seconds_bucket{le="0.025"} 1.0' in text
    assert "process_resident_memory_bytes" in text


def test_what_has_changed_is_told_once_a_minute_and_what_has_not_is_not() -> None:
    clock, viewers = Clock(), [3]
    metrics = ServiceMetrics("session", clock=clock)
    metrics.gauge("gestalt_viewers", "Clients that watch", lambda: viewers[0])
    metrics.note(0.0)
    assert told(metrics) == {}
    clock.now = EVERY_SECONDS
    metrics.note(0.0)
    first = told(metrics)
    assert first["gestalt_viewers"]["gauge"]["dataPoints"][0]["asDouble"] == 3
    assert "gestalt_event_loop_lag_seconds" not in first
    for minute in range(2, 10):
        clock.now = minute * EVERY_SECONDS
        metrics.note(0.0002)
        assert told(metrics) == {}, "an idle process has no news"
    viewers[0] = 5
    clock.now += EVERY_SECONDS
    metrics.note(0.5)
    assert set(told(metrics)) == {"gestalt_viewers", "gestalt_event_loop_lag_worst_seconds"}


def test_all_is_told_again_each_half_hour() -> None:
    clock = Clock()
    metrics = ServiceMetrics("session", clock=clock)
    metrics.gauge("gestalt_viewers", "Clients that watch", lambda: 3)
    times = []
    while clock.now < 2 * WHOLE_SECONDS:
        clock.now += EVERY_SECONDS
        metrics.note(0.0)
        times += [clock.now] if "gestalt_viewers" in told(metrics) else []
    assert times == [EVERY_SECONDS, WHOLE_SECONDS, 2 * WHOLE_SECONDS]


def test_what_is_so_or_not_is_a_number() -> None:
    """One `true` among them, and the store could read none of them."""
    clock = Clock()
    metrics = ServiceMetrics("session", clock=clock)
    metrics.gauge("gestalt_draining", "Whether it drains", lambda: False)
    clock.now = EVERY_SECONDS
    metrics.note(0.0)
    (point,) = told(metrics)["gestalt_draining"]["gauge"]["dataPoints"]
    assert type(point["asDouble"]) is float


def test_families_become_otlp() -> None:
    registry = CollectorRegistry()
    Gauge("gestalt_store_bytes", "On disk", registry=registry).set(7)
    Counter("gestalt_closes", "Ended", ["how"], registry=registry).labels("client").inc(2)
    seconds = Histogram(
        "gestalt_gateway_request_seconds", "Taken", ["method"], buckets=(0.1, 1.0), registry=registry
    ).labels("GET")
    for value in (0.05, 0.5, 0.5, 9.0):
        seconds.observe(value)
    shown = {one["name"]: one for one in (otlp_metrics.shown(family, 9, 1) for family in registry.collect())}

    size = shown["gestalt_store_bytes"]
    assert (size["unit"], size["gauge"]["dataPoints"]) == ("By", [{"timeUnixNano": "9", "asDouble": 7.0}])
    (closed,) = shown["gestalt_closes"]["sum"]["dataPoints"]
    assert closed["attributes"] == [{"key": "how", "value": {"stringValue": "client"}}]
    assert (closed["asDouble"], closed["startTimeUnixNano"]) == (2.0, "1")
    taken = shown["http.server.request.duration"]
    (point,) = taken["histogram"]["dataPoints"]
    assert taken["unit"] == "s"
    assert point["attributes"][0]["key"] == "http.request.method"
    assert (point["count"], point["sum"]) == ("4", 10.05)
    assert (point["bucketCounts"], point["explicitBounds"]) == (["1", "2", "1"], [0.1, 1.0])
