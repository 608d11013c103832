"""What each data point adds: points that count from a start become what came since the one before. Pure."""

from __future__ import annotations

import math
from itertools import zip_longest

from msgspec import Struct, field

from gestalt_telemetry.queries.points import Nature, Point, Spread


class Gain(Struct, frozen=True):
    """What a point adds to its time: a sum of `count` single values. `least`, `most` bound them, as far as is known."""

    value: float
    count: int
    least: float
    most: float

    @property
    def mean(self) -> float:
        """The single value; of several their mean."""
        return self.value / self.count if self.count else math.nan


class Line(Struct):
    """What is remembered of one stream of points."""

    taken: set[tuple[int, int]] = field(default_factory=set)
    before: dict[int, Point] = field(default_factory=dict)
    """The latest of each start: two processes that cannot be told apart otherwise count from different starts."""


class Gains:
    """Points are given in the order of their export: all there are since `since` (Unix ns), or ever."""

    def __init__(self, since: int | None) -> None:
        self._since = since
        self._lines: dict[bytes, Line] = {}

    def of(self, point: Point) -> Gain | None:
        """What a point adds; None when that is not known, or was taken already."""
        line = self._lines.get(point.line)
        if line is None:
            line = self._lines[point.line] = Line()
        if point.cumulative:
            return self._since_before(line, point)
        key = (point.start, point.time)
        if key in line.taken:
            return None  # sent again, because an answer was lost
        line.taken.add(key)
        return _whole(point)

    def _since_before(self, line: Line, point: Point) -> Gain | None:
        before = line.before.get(point.start)
        if before is not None and point.time <= before.time:
            return None  # sent again or late: the later one holds what this one does
        line.before[point.start] = point
        if before is None:
            return _whole(point) if self._began_in_sight(point) else None
        return _whole(point) if _began_anew(before, point) else _difference(before, point)

    def _began_in_sight(self, point: Point) -> bool:
        """Whether the first point that is known is the first there is: it counts from 0.

        A start that is the point's own time says that the true one is not known.
        """
        return self._since is None or self._since <= point.start < point.time


def _began_anew(before: Point, point: Point) -> bool:
    """Whether a counter fell: its source did not say that it begins anew. Sums of a spread may fall of themselves."""
    if point.nature is Nature.SPREAD:
        return point.spread.count < before.spread.count
    return point.value < before.value


def _whole(point: Point) -> Gain:
    if point.nature is not Nature.SPREAD:
        return Gain(point.value, 1, point.value, point.value)
    return _bounded(point.value, point.spread.count, point.spread.buckets, point.spread)


def _difference(before: Point, point: Point) -> Gain:
    value = point.value - before.value
    if point.nature is not Nature.SPREAD:
        return Gain(value, 1, value, value)
    old, new = before.spread, point.spread
    gained = tuple(now - then for now, then in zip_longest(new.buckets, old.buckets, fillvalue=0))
    return _bounded(value, new.count - old.count, gained, new, since_start=False)


def _bounded(value: float, count: int, buckets: tuple[int, ...], told: Spread, *, since_start: bool = True) -> Gain:
    """With the least and the most single value: as told of all of them, else by the buckets they fell into."""
    if since_start and told.least is not None and told.most is not None:
        return Gain(value, count, told.least, told.most)
    mean = value / count if count else math.nan
    filled = [place for place, gained in enumerate(buckets) if gained > 0]
    if not filled or not told.bounds or len(buckets) != len(told.bounds) + 1:
        return Gain(value, count, mean, mean)
    lowest = min(mean, told.bounds[0]) if told.least is None else told.least
    highest = max(mean, told.bounds[-1]) if told.most is None else told.most
    edges = (lowest, *told.bounds, highest)
    return Gain(value, count, max(lowest, edges[filled[0]]), min(highest, edges[filled[-1] + 1]))
