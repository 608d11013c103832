"""What this gateway counts about itself, in Prometheus' words."""

from __future__ import annotations

import os
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from gestalt_serving.metrics import ServiceMetrics

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Seconds: a lookup takes about one millisecond, an input at most ten seconds."""


class Metrics:
    """A registry of its own, so that two gateways in one process do not share counts."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.service = ServiceMetrics("gateway", instance=str(os.getpid()), registry=self._registry)
        """What every service counts."""
        labels = ["method", "route", "status"]
        self._requests = Counter("gestalt_gateway_requests", "Requests answered", labels, registry=self._registry)
        self._seconds = Histogram(
            "gestalt_gateway_request_seconds",
            "From the request's head to the end of its answer; streams are not counted",
            ["method", "route"],
            buckets=BUCKETS,
            registry=self._registry,
        )
        self._tunnels = Gauge("gestalt_gateway_tunnels", "WebSocket tunnels open", registry=self._registry)
        self._tunnel_bytes = Counter(
            "gestalt_gateway_tunnel_bytes", "Bytes through closed tunnels", ["direction"], registry=self._registry
        )
        self._closes = Counter(
            "gestalt_gateway_tunnel_closes", "Tunnels ended, by how", ["how"], registry=self._registry
        )
        self._workers = Gauge("gestalt_gateway_workers", "Session workers alive", registry=self._registry)

    def watch_workers(self, alive: Callable[[], int]) -> None:
        """Read the number of live workers whenever somebody looks."""
        self._workers.set_function(alive)

    def answered(self, method: str, template: str, status: int, seconds: float | None) -> None:
        """Count one answer. `seconds` None: a stream, whose length says nothing about speed."""
        self._requests.labels(method, template, str(status)).inc()
        if seconds is not None:
            self._seconds.labels(method, template).observe(seconds)

    def tunnel_opened(self) -> None:
        """Count a tunnel in."""
        self._tunnels.inc()

    def tunnel_closed(self, how: str, *, down: int, up: int) -> None:
        """Count a tunnel out, with the bytes to the client (`down`) and from it."""
        self._tunnels.dec()
        self._closes.labels(how).inc()
        self._tunnel_bytes.labels("down").inc(down)
        self._tunnel_bytes.labels("up").inc(up)
