"""Finding log records: by level, session, trace, time and text, newest first or from a place on."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any
from uuid import UUID

from msgspec import Struct

from gestalt_telemetry.records import Log, Origin
from gestalt_telemetry.severity import LEVELS
from gestalt_telemetry.store.reader import Reader, SegmentReader
from gestalt_telemetry.store.rows import MINUTE_NS, for_index, searched, unpack_log
from gestalt_telemetry.store.segment import TEXTS_UP_TO

COLUMNS = "id, arrival, level, origin, session, uid, record"
TRIGRAM = 3
MOST_TRIGRAMS = 12  # of a long text: enough to leave few candidates, which are checked
LARGEST_ID = (1 << 63) - 1


class Wanted(Struct, frozen=True):
    """Which log records. Times are Unix ns, both included; `before` and `after` are ids, both excluded.

    `text` is case-folded. `level` is the least, as a place in LEVELS.
    """

    level: int = 0
    session: str = ""
    trace_id: bytes | None = None
    since: int | None = None
    until: int | None = None
    text: str = ""
    before: int | None = None
    after: int = 0

    @property
    def timed(self) -> bool:
        """Whether only some time is asked for."""
        return self.since is not None or self.until is not None


class Found(Struct, frozen=True):
    """A stored log record."""

    id: int
    arrival: int
    level: int
    session: str | None
    uid: str | None
    record: Log
    origin: Origin


def newest(reader: Reader, wanted: Wanted, limit: int) -> list[Found]:
    """The last `limit` that match, oldest first."""
    found: list[Found] = []
    for segment in reversed(reader.segments()):
        if _may_hold(segment, wanted):
            found += islice(_matches(segment, wanted, limit - len(found)), limit - len(found))
        if len(found) >= limit:
            break
    return found[::-1]


def times(reader: Reader, wanted: Wanted) -> Iterator[tuple[int, int]]:
    """Time (Unix ns) and level of everything that matches, in no order of use."""
    for segment in reader.segments():
        if not _may_hold(segment, wanted):
            continue
        if wanted.text:
            found = _matches(segment, wanted, LARGEST_ID)
            yield from ((min(one.record.time or one.record.observed, LARGEST_ID), one.level) for one in found)
            continue
        sql, values = _conditions(wanted, *_ids(segment, wanted), level=True)
        yield from segment.rows(f"SELECT time, level FROM logs {_index(wanted)} WHERE {sql}", values)  # noqa: S608 - our own names


def following(reader: Reader, after: int, limit: int) -> list[Found]:
    """The next `limit` records from a place on, in the order of their arrival."""
    found: list[Found] = []
    for segment in reader.segments():
        facts = segment.segment
        if facts.last_log is not None and facts.last_log <= after:
            continue
        sql = f"SELECT {COLUMNS} FROM logs WHERE id > ? ORDER BY id LIMIT ?"  # noqa: S608 - our own names
        found += [_found(segment, row) for row in segment.rows(sql, (after, limit - len(found)))]
        if len(found) >= limit:
            break
    return found


def oldest(reader: Reader) -> int | None:
    """The smallest id that is kept."""
    for segment in reader.segments():
        (first,) = segment.row("SELECT min(id) FROM logs")
        if first is not None:
            return int(first)
    return None


def last_before(reader: Reader, arrival: int) -> int:
    """The id that all records arrived since `arrival` (Unix ms) come after."""
    place = 0
    for segment in reader.segments():
        first, last = segment.row("SELECT min(id), max(id) FROM logs")
        if first is None:
            continue
        found = _last_before(segment, arrival, first, last)
        if found < first:
            return max(place, found)
        place = found
    return place


def _last_before(segment: SegmentReader, arrival: int, first: int, last: int) -> int:
    """By halves: ids and arrivals ascend together."""
    low, high = first, last + 1
    while low < high:
        middle = (low + high) // 2
        rows = segment.rows("SELECT arrival FROM logs WHERE id >= ? ORDER BY id LIMIT 1", (middle,))
        if next(iter(rows))[0] < arrival:
            low = middle + 1
        else:
            high = middle
    return low - 1


def _may_hold(segment: SegmentReader, wanted: Wanted) -> bool:
    facts = segment.segment
    late = wanted.before is not None and facts.first_log >= wanted.before
    early = facts.last_log is not None and facts.last_log <= wanted.after
    return not late and not early and facts.may_hold(facts.logs, wanted.since, wanted.until)


def _matches(segment: SegmentReader, wanted: Wanted, limit: int) -> Iterator[Found]:
    """Those of one segment, newest first; perhaps more than `limit`."""
    low, high = _ids(segment, wanted)
    if low > high:
        return
    if not wanted.text:
        yield from (_found(segment, row) for row in segment.rows(*_by_columns(wanted, low, high, limit)))
        return
    for row in _candidates(segment, wanted, low, high):
        found = _found(segment, row)
        if wanted.text in searched(found.record):
            yield found


def _ids(segment: SegmentReader, wanted: Wanted) -> tuple[int, int]:
    """Between which ids matches lie: a time is turned into ids by the minutes."""
    low, high = wanted.after + 1, LARGEST_ID if wanted.before is None else wanted.before - 1
    if wanted.timed:
        since = -LARGEST_ID if wanted.since is None else wanted.since // MINUTE_NS
        until = LARGEST_ID if wanted.until is None else wanted.until // MINUTE_NS
        first, last = segment.row(
            "SELECT min(first), max(last) FROM minutes WHERE minute BETWEEN ? AND ? AND level >= ?",
            (since, until, wanted.level),
        )
        if first is None:
            return 1, 0
        low, high = max(low, first), min(high, last)
    return low, high


def _conditions(wanted: Wanted, low: int, high: int, *, level: bool) -> tuple[str, list[Any]]:
    sql: str = "id BETWEEN ? AND ?"
    values: list[Any] = [low, high]
    if level and wanted.level:
        sql, values = f"{sql} AND level >= ?", [*values, wanted.level]
    if wanted.trace_id is not None:
        sql, values = f"{sql} AND trace = ?", [*values, wanted.trace_id]
    if wanted.session:
        sql, values = f"{sql} AND {session_column(wanted.session)} = ?", [*values, wanted.session]
    if wanted.since is not None:
        sql, values = f"{sql} AND time >= ?", [*values, wanted.since]
    if wanted.until is not None:
        sql, values = f"{sql} AND time <= ?", [*values, wanted.until]
    return sql, values


def session_column(session: str) -> str:
    """A session is named by its uid or its id."""
    try:
        UUID(session)
    except ValueError:
        return "session"
    return "uid"


def _index(wanted: Wanted) -> str:
    """Which index leads to few rows in the order of ids."""
    if wanted.trace_id is not None:
        return "INDEXED BY logs_trace"
    if wanted.session:
        return f"INDEXED BY logs_{session_column(wanted.session)}"
    return "NOT INDEXED"


def _by_columns(wanted: Wanted, low: int, high: int, limit: int) -> tuple[str, list[Any]]:
    """Levels above a bound are one walk each, together as long as what is asked for."""
    if not wanted.level or wanted.session or wanted.trace_id is not None:
        sql, values = _conditions(wanted, low, high, level=True)
        return f"SELECT {COLUMNS} FROM logs {_index(wanted)} WHERE {sql} ORDER BY id DESC LIMIT ?", [*values, limit]  # noqa: S608 - our own names
    sql, values = _conditions(wanted, low, high, level=False)
    walk = f"SELECT {COLUMNS} FROM logs INDEXED BY logs_level WHERE level = ? AND {sql} ORDER BY id DESC LIMIT ?"  # noqa: S608 - our own names
    levels = range(wanted.level, len(LEVELS))
    union = " UNION ALL ".join(f"SELECT * FROM ({walk})" for _ in levels)  # noqa: S608 - our own names
    each = [value for level in levels for value in (level, *values, limit)]
    return f"SELECT * FROM ({union}) ORDER BY id DESC LIMIT ?", [*each, limit]  # noqa: S608 - our own names


def _candidates(segment: SegmentReader, wanted: Wanted, low: int, high: int) -> Iterator[tuple[Any, ...]]:
    """Rows that may hold the text, newest first: those not in the index yet, then those the index finds."""
    sql, values = _conditions(wanted, low, high, level=True)
    scan = f"SELECT {COLUMNS} FROM logs {_index(wanted)} WHERE {sql} ORDER BY id DESC"  # noqa: S608 - our own names
    if len(wanted.text) < TRIGRAM or wanted.session or wanted.trace_id is not None:
        yield from segment.rows(scan, values)
        return
    indexed = _indexed_up_to(segment)
    if high > indexed:
        yield from segment.rows(scan, [max(low, indexed + 1), *values[1:]])
    if low <= indexed:
        values[1] = min(high, indexed)
        columns = ", ".join(f"l.{column}" for column in COLUMNS.split(", "))
        joined = sql.replace("id BETWEEN", "texts.rowid BETWEEN", 1)
        yield from segment.rows(
            f"SELECT {columns} FROM texts CROSS JOIN logs l ON l.id = texts.rowid"  # noqa: S608 - our own names
            f" WHERE texts MATCH ? AND {joined} ORDER BY texts.rowid DESC",
            [match(for_index(wanted.text)), *values],
        )


def _indexed_up_to(segment: SegmentReader) -> int:
    rows = list(segment.rows("SELECT value FROM marks WHERE name = ?", (TEXTS_UP_TO,)))
    return int(rows[0][0]) if rows else 0


def match(text: str) -> str:
    """The index's query for a text of three and more characters: some of its trigrams, all of them quoted."""
    trigrams = dict.fromkeys(text[place : place + TRIGRAM] for place in range(len(text) - TRIGRAM + 1))
    step = max(1, len(trigrams) // MOST_TRIGRAMS)
    chosen = list(trigrams)[::step]
    return " AND ".join('"' + trigram.replace('"', '""') + '"' for trigram in chosen)


def _found(segment: SegmentReader, row: tuple[Any, ...]) -> Found:
    id_, arrival, level, origin, session, uid, record = row
    return Found(id_, arrival, level, session, uid, unpack_log(record), segment.origin(origin))
