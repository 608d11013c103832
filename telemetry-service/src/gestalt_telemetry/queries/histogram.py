"""Log records counted by time and level: from the minutes where those suffice, from records where a filter is finer."""

from __future__ import annotations

from collections import Counter
from typing import Any

from gestalt_telemetry.queries import logs
from gestalt_telemetry.queries.logs import Wanted
from gestalt_telemetry.queries.shown import moment
from gestalt_telemetry.severity import LEVELS
from gestalt_telemetry.store.reader import Reader
from gestalt_telemetry.store.rows import MINUTE_NS

Counts = Counter[tuple[int, int]]
"""By minute and level."""

MOST_BUCKETS = 10_000


def buckets(reader: Reader, wanted: Wanted, step: int) -> list[dict[str, Any]]:
    """`{time, counts}` for each step of `step` ns (whole minutes) in which there is something, oldest first."""
    counts = _by_records(reader, wanted) if _finer(wanted) else _by_minutes(reader, wanted)
    found: dict[int, dict[str, int]] = {}
    for (minute, level), count in sorted(counts.items()):
        start = minute * MINUTE_NS // step * step
        bucket = found.setdefault(start, {})
        bucket[LEVELS[level]] = bucket.get(LEVELS[level], 0) + count
    return [{"time": moment(start), "counts": found[start]} for start in sorted(found)[-MOST_BUCKETS:]]


def _finer(wanted: Wanted) -> bool:
    """Whether minutes do not tell: they know time and level only."""
    return bool(wanted.session or wanted.text or wanted.before) or wanted.trace_id is not None


def _by_minutes(reader: Reader, wanted: Wanted) -> Counts:
    """Whole minutes from their counts; the two that a bound cuts from their records."""
    counts: Counts = Counter()
    cut = {bound // MINUTE_NS for bound in (wanted.since, wanted.until) if bound is not None}
    low = -(1 << 62) if wanted.since is None else wanted.since // MINUTE_NS
    high = 1 << 62 if wanted.until is None else wanted.until // MINUTE_NS
    for segment in reader.segments():
        sql = "SELECT minute, level, count, first, last FROM minutes WHERE minute BETWEEN ? AND ? AND level >= ?"
        for minute, level, count, first, last in segment.rows(sql, (low, high, wanted.level)):
            if minute in cut:
                within = "SELECT count(*) FROM logs WHERE id BETWEEN ? AND ? AND level = ? AND time BETWEEN ? AND ?"
                start, end = _bounds(minute, wanted)
                (count,) = segment.row(within, (first, last, level, start, end))  # noqa: PLW2901 - the minute is cut
            if count:
                counts[minute, level] += count
    return counts


def _bounds(minute: int, wanted: Wanted) -> tuple[int, int]:
    """The part of a minute that is asked for."""
    start, end = minute * MINUTE_NS, (minute + 1) * MINUTE_NS - 1
    return max(start, wanted.since or start), min(end, end if wanted.until is None else wanted.until)


def _by_records(reader: Reader, wanted: Wanted) -> Counts:
    """All of them, one at a time: as many as can be looked at in the time that a query has."""
    counts: Counts = Counter()
    for time, level in logs.times(reader, wanted):
        counts[time // MINUTE_NS, level] += 1
    return counts
