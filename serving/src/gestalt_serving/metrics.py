"""What a service counts about itself: read by Prometheus when it looks, told on the bus when it has changed.

Nothing here wakes the process: it rides on the pauses of a loop that runs anyway.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from gestalt_contracts.service_logs import METRICS, Outbox
from gestalt_serving import otlp_metrics

TEXT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
EVERY_SECONDS = 60.0
"""How often what has changed is told."""

WHOLE_SECONDS = 1_800.0
"""How often all is told, changed or not: each hour has a point, and what a counter gains one before it."""

LAGS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
LAG = "gestalt_event_loop_lag_seconds"
RESTLESS = (
    "process_",
    LAG,
    "gestalt_lease_age_seconds",
    "gestalt_telemetry_store_bytes",
    "gestalt_telemetry_own_delay_seconds",
    "gestalt_forward_sent",
)
"""Never the same twice, or changed by being told: an idle process would have news for ever. Prometheus reads them."""

Read = Callable[[], float]
Family = type[GaugeMetricFamily] | type[CounterMetricFamily]


class Readings:
    """A collector of what is read when somebody looks."""

    def __init__(self) -> None:
        self._readings: list[tuple[Family, str, str, Read]] = []

    def add(self, family: Family, name: str, told: str, read: Read) -> None:
        """Read one more. The registry asks for names once, so a reading may not exist before it is added."""
        self._readings.append((family, name, told, read))

    def collect(self) -> Iterator[Metric]:
        """prometheus_client's word for looking."""
        for family, name, told, read in self._readings:
            yield family(name, told, value=read())


class ServiceMetrics:
    """One process's. `registry`: holds further metrics of the service."""

    def __init__(
        self,
        service: str,
        *,
        instance: str = "",
        registry: CollectorRegistry | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.registry = registry or CollectorRegistry()
        self.outbox = Outbox(service, METRICS, "metrics", instance)
        self._clock = clock
        self._since = time.time_ns()
        self._due = clock() + EVERY_SECONDS
        self._whole_due = clock() + WHOLE_SECONDS
        self._told: dict[str, list[tuple[dict[str, str], float]]] = {}
        self._worst = 0.0
        self._readings = Readings()
        self.registry.register(self._readings)
        ProcessCollector(registry=self.registry)
        self._lag = Histogram(LAG, "How late the event loop was", buckets=LAGS, registry=self.registry)
        self.gauge("gestalt_event_loop_lag_worst_seconds", "The latest since it was last told", lambda: self._worst)

    def gauge(self, name: str, told: str, read: Read) -> None:
        """Something that goes up and down."""
        self._readings.add(GaugeMetricFamily, name, told, read)

    def counter(self, name: str, told: str, read: Read) -> None:
        """Something that only goes up."""
        self._readings.add(CounterMetricFamily, name, told, read)

    def watch(self, outbox: Outbox, kind: str) -> None:
        """What a service wants to tell, and could not."""
        self.gauge(f"gestalt_own_{kind}_waiting", "Not published yet", lambda: outbox.waiting)
        self.counter(f"gestalt_own_{kind}_dropped", "Lost because the bus was away", lambda: outbox.dropped)

    def text(self) -> bytes:
        """The exposition."""
        return generate_latest(self.registry)

    async def pause(self, seconds: float) -> None:
        """Sleep, and note how late the loop was in waking us."""
        until = self._clock() + seconds
        await asyncio.sleep(seconds)
        self.note(self._clock() - until)

    def note(self, late: float) -> None:
        """The loop was so late, seconds; once a minute is told what has changed."""
        self._lag.observe(max(0.0, late))
        self._worst = max(self._worst, round(late, 2))
        if self._clock() >= self._due:
            self._due = self._clock() + EVERY_SECONDS
            self.tell()

    def tell(self) -> None:
        """Put what has changed since it was last told into the outbox; at times all there is."""
        now = time.time_ns()
        if self._clock() >= self._whole_due:
            self._whole_due = self._clock() + WHOLE_SECONDS
            self._told.clear()
        for family in self.registry.collect():
            if not family.name.startswith(RESTLESS) and self._is_news(family):
                self.outbox.put(otlp_metrics.shown(family, now, self._since))
        self._worst = 0.0

    def _is_news(self, family: Metric) -> bool:
        values = [(one.labels, one.value) for one in family.samples]
        if not values or self._told.get(family.name) == values:
            return False
        self._told[family.name] = values
        return True
