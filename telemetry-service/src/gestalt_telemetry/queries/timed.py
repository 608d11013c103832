"""Finding what is ordered by its own time, spans and metrics: the last matches over all segments."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from msgspec import Struct

from gestalt_telemetry.queries import shown
from gestalt_telemetry.queries.logs import session_column
from gestalt_telemetry.queries.shown import Shown
from gestalt_telemetry.store.catalogue import Range, Segment
from gestalt_telemetry.store.reader import Reader, SegmentReader
from gestalt_telemetry.store.rows import unpack_span

Row = tuple[Any, ...]
DEEPEST = 200
"""Levels of a trace's tree."""

MOST_SPANS = 10_000
"""Of one trace: a trace that is larger is a loop that forgot to end its root."""


class Wanted(Struct, frozen=True):
    """Which spans or metrics. Times are Unix ns, both included; what has no time is left out when one is given.

    `name` and `text` are compared without regard to case.
    """

    name: str = ""
    session: str = ""
    trace_id: bytes | None = None
    since: int | None = None
    until: int | None = None
    text: str = ""


class Kind(Struct, frozen=True):
    """A table of such records, and how its rows are shown."""

    table: str
    span: Callable[[Segment], Range | None]
    show: Callable[[SegmentReader, Row], Shown]


def _span(segment: SegmentReader, row: Row) -> Shown:
    return shown.span(unpack_span(row[3]), segment.origin(row[2]))


def _metric(segment: SegmentReader, row: Row) -> Shown:
    return shown.metric(msgspec.json.decode(row[3]), segment.origin(row[2]))


SPANS = Kind("spans", lambda segment: segment.spans, _span)
METRICS = Kind("metrics", lambda segment: segment.metrics, _metric)


def newest(reader: Reader, kind: Kind, wanted: Wanted, limit: int) -> list[Shown]:
    """The last `limit` that match by their own time, the oldest of them first."""
    best: list[tuple[int, int, int, Shown]] = []
    for segment in _latest_first(reader, kind, wanted):
        facts = segment.segment
        span = kind.span(facts)
        if len(best) >= limit and not facts.active and span is not None and span.high < best[0][0]:
            continue  # nothing in it is later than what was found
        for row, one in _matches(segment, kind, wanted):
            entry = (row[0], facts.number, row[1], one)
            if len(best) < limit:
                heapq.heappush(best, entry)
            elif entry[:3] > best[0][:3]:
                heapq.heapreplace(best, entry)
            else:
                break  # the rows of a segment only get older
    return [one for *_, one in sorted(best, key=lambda entry: entry[:3])]


def _latest_first(reader: Reader, kind: Kind, wanted: Wanted) -> list[SegmentReader]:
    found = [s for s in reader.segments() if s.segment.may_hold(kind.span(s.segment), wanted.since, wanted.until)]
    return sorted(found, key=lambda segment: _high(kind, segment.segment), reverse=True)


def _high(kind: Kind, segment: Segment) -> float:
    span = kind.span(segment)
    return float("inf") if span is None else span.high


def _matches(segment: SegmentReader, kind: Kind, wanted: Wanted) -> Iterator[tuple[Row, Shown]]:
    sql, values = where(wanted)
    columns = "time, id, origin, record"
    for row in segment.rows(f"SELECT {columns} FROM {kind.table}{sql} ORDER BY time DESC, id DESC", values):  # noqa: S608 - our own names
        one = kind.show(segment, row)
        if not wanted.text or wanted.text in msgspec.json.encode(one).decode().casefold():
            yield row, one


def where(wanted: Wanted) -> tuple[str, list[Any]]:
    """The condition of a query, with its values."""
    conditions: list[str] = []
    values: list[Any] = []

    def add(condition: str, value: Any) -> None:
        conditions.append(condition)
        values.append(value)

    if wanted.trace_id is not None:
        add("trace = ?", wanted.trace_id)
    if wanted.name:
        ascii_only = wanted.name.isascii()  # what the index compares without regard to case
        add("name = ?" if ascii_only else "folded(name) = ?", wanted.name if ascii_only else wanted.name.casefold())
    if wanted.session:
        add(f"{session_column(wanted.session)} = ?", wanted.session)
    if wanted.since is not None:
        add("time >= ?", wanted.since)
    if wanted.until is not None:
        add("time <= ?", wanted.until)
    if wanted.since is not None or wanted.until is not None:
        add("time > ?", 0)
    return (f" WHERE {' AND '.join(conditions)}" if conditions else "", values)


def trace(reader: Reader, trace_id: bytes) -> list[Shown]:
    """The spans of one trace, by start; one that was sent twice once."""
    found: dict[str, tuple[int, Shown]] = {}
    for segment in reader.segments():
        sql = "SELECT time, id, origin, record FROM spans WHERE trace = ? ORDER BY time, id LIMIT ?"
        for row in segment.rows(sql, (trace_id, MOST_SPANS)):
            one = _span(segment, row)
            found.setdefault(one["spanId"], (row[0], one))
    return [one for _, one in sorted(found.values(), key=lambda pair: pair[0])][:MOST_SPANS]


def tree(spans: list[Shown]) -> list[Shown]:
    """Spans below their parents, `children` by start; what has no parent here is at the top, so nothing is left out."""
    by_id = {span["spanId"]: span | {"children": []} for span in spans}
    circled = _in_circles({id_: span["parentSpanId"] for id_, span in by_id.items()})
    top: list[Shown] = []
    for id_, span in by_id.items():
        parent = by_id.get(span["parentSpanId"])
        (top if parent is None or id_ in circled else parent["children"]).append(span)
    _level_below(top)
    return top


def _in_circles(parents: dict[str, str]) -> set[str]:
    """Spans that name one another as parents: going up from them leads to them."""
    found: set[str] = set()
    seen: set[str] = set()
    for id_ in parents:
        path: dict[str, None] = {}
        at = id_
        while at in parents and at not in seen:
            seen.add(at)
            path[at] = None
            at = parents[at]
        if at in path:
            way = list(path)
            found.update(way[way.index(at) :])
    return found


def _level_below(top: list[Shown]) -> None:
    """Put what lies deeper than DEEPEST beside one another there: JSON that is nested further is read by few."""
    level = top
    for _ in range(DEEPEST):
        level = [child for span in level for child in span["children"]]
    for span in level:
        waiting = span["children"]
        for one in waiting:  # which grows meanwhile
            waiting += one["children"]
            one["children"] = []
