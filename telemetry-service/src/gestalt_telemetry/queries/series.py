"""A metric over time: what its data points add, gathered into steps, one series for each set of attributes. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from msgspec import Struct, field

from gestalt_telemetry.otlp.values import Attributes
from gestalt_telemetry.queries.gains import Gain, Gains
from gestalt_telemetry.queries.points import Nature, Point, reach
from gestalt_telemetry.queries.shown import moment
from gestalt_telemetry.queries.timed import Wanted

MOST_SERIES = 100
_key = msgspec.json.Encoder(order="deterministic").encode


class Found(Struct, frozen=True):
    """`series`: `{attributes, points: [{time, value}]}` each, by attributes; `left_out`: how many more there are."""

    series: list[dict[str, Any]]
    left_out: int


class Step(Struct):
    """What came in one step."""

    total: float = 0.0
    count: int = 0
    least: float = math.inf
    most: float = -math.inf
    last: tuple[int, float] = (0, math.nan)
    levels: dict[bytes, float] = field(default_factory=dict)
    """The latest level of each source: adding up what one source told twice would mean nothing."""

    def add(self, point: Point, gain: Gain) -> None:
        """One point more."""
        self.total += gain.value
        self.count += gain.count
        if gain.count:
            self.least, self.most = min(self.least, gain.least), max(self.most, gain.most)
            self.last = max(self.last, (point.time, gain.mean), key=lambda known: known[0])
        if point.nature is Nature.LEVEL:
            self.levels[point.line] = gain.value


AGGREGATIONS: dict[str, Callable[[Step], float]] = {
    "sum": lambda step: sum(step.levels.values()) if step.levels else step.total,
    "avg": lambda step: step.total / step.count,
    "min": lambda step: step.least,
    "max": lambda step: step.most,
    "last": lambda step: step.last[1],
    "count": lambda step: float(step.count),
}
OF_NOTHING = ("sum", "count")
"""Aggregations that a step without a single value has as well: 0."""


class Series:
    """Gathers points that are given in the order of their export. `step`: ns."""

    def __init__(self, wanted: Wanted, step: int) -> None:
        self._wanted = wanted
        self._step = step
        self._gains = Gains(reach(wanted).since)
        self._lines: dict[bytes, tuple[Attributes, dict[int, Step]]] = {}

    def add(self, points: Iterable[Point]) -> None:
        """Points more; those outside the time asked for only say what the next ones add."""
        for point in points:
            gain = self._gains.of(point)
            if gain is not None and within(point, self._wanted):
                steps = self._steps(point)
                steps.setdefault(point.time // self._step * self._step, Step()).add(point, gain)

    def _steps(self, point: Point) -> dict[int, Step]:
        named = {**point.attributes, "service.name": point.resource.get("service.name", "")}
        return self._lines.setdefault(_key(named), (named, {}))[1]

    def told(self, aggregation: str) -> Found:
        """The series."""
        chosen = sorted(self._lines)[:MOST_SERIES]
        found = [_shown(*self._lines[key], aggregation) for key in chosen]
        return Found(found, len(self._lines) - len(chosen))


def _shown(attributes: Attributes, steps: dict[int, Step], aggregation: str) -> dict[str, Any]:
    aggregate = AGGREGATIONS[aggregation]
    points = [
        {"time": moment(start), "value": aggregate(steps[start])}
        for start in sorted(steps)
        if steps[start].count or aggregation in OF_NOTHING
    ]
    return {"attributes": attributes, "points": points}


def within(point: Point, wanted: Wanted) -> bool:
    """Whether a point lies in the time asked for."""
    return (wanted.since is None or point.time >= wanted.since) and (wanted.until is None or point.time <= wanted.until)
