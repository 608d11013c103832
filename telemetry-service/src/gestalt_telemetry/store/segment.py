"""The segment that is written to."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from gestalt_telemetry.records import Batch
from gestalt_telemetry.store import rows, schema
from gestalt_telemetry.store.catalogue import ACTIVE, SEALED, Range, Segment
from gestalt_telemetry.store.rows import MINUTE_NS, Row
from gestalt_telemetry.store.upkeep import Checkpoints, fold, merge_texts

TEXT_GROUP = 2_000
"""Records whose text is put into the index at once, 20 ms: as many as the writer commits at once, else it is two
commits' texts that everybody waits for. Until then queries look at them one by one."""

TEXTS_UP_TO = "texts_up_to"
INSERT_LOG = "INSERT INTO logs VALUES(?,?,?,?,?,?,?,?,?)"
INSERT_SPAN = "INSERT INTO spans(time, arrival, origin, session, uid, trace, name, record) VALUES(?,?,?,?,?,?,?,?)"
INSERT_METRIC = "INSERT INTO metrics(time, arrival, origin, session, uid, name, record) VALUES(?,?,?,?,?,?,?)"
INSERT_TEXT = "INSERT INTO texts(rowid, text) VALUES(?,?)"
COUNT_MINUTE = """INSERT INTO minutes VALUES(?,?,?,?,?) ON CONFLICT(minute, level) DO UPDATE SET
    count = count + excluded.count, first = min(first, excluded.first), last = max(last, excluded.last)"""
SET_MARK = "INSERT OR REPLACE INTO marks VALUES(?,?)"


class OpenSegment:
    """An open segment file. `begin`, any number of `add`, `commit`: then all is visible, else nothing."""

    def __init__(self, number: int, path: Path, first_log: int) -> None:
        self.number = number
        self.path = path
        self.first_log = first_log
        self._connection = schema.connect(path) if path.exists() else schema.create(path, schema.SEGMENT)
        self._connection.execute("PRAGMA cache_size=-32768")
        self._checkpoints = Checkpoints(path, self._connection)
        self._set_merging()
        self._origins = {data: id_ for id_, data in self._query("SELECT id, data FROM origins")}
        self.marks = dict(self._query("SELECT name, value FROM marks"))
        self.next_log = max(self._one("SELECT max(id) FROM logs") or 0, first_log - 1) + 1
        self.records = sum(self._one(f"SELECT count(*) FROM {table}") for table in ("logs", "spans", "metrics"))  # noqa: S608 - our own names
        self._committed = self.records
        self._texts: list[tuple[int, str]] = []
        self._reload_texts()

    def _set_merging(self) -> None:
        """Of the text index: not while it is written to, which takes a third of the time and stands still at times."""
        for name, value in (("automerge", 0), ("crisismerge", schema.UNMERGED_TEXTS)):
            self._connection.execute("INSERT INTO texts(texts, rank) VALUES(?, ?)", (name, value))

    def _query(self, sql: str, values: Sequence[object] = ()) -> list[tuple]:  # type: ignore[type-arg]
        return self._connection.execute(sql, values).fetchall()

    def _one(self, sql: str) -> int:
        return int(self._query(sql)[0][0] or 0)

    def _reload_texts(self) -> None:
        """What a predecessor had stored and not put into the index yet."""
        since = int(self.marks.get(TEXTS_UP_TO, self.first_log - 1))
        for id_, record in self._query("SELECT id, record FROM logs WHERE id > ?", (since,)):
            self._texts.append((id_, rows.for_index(rows.searched(rows.unpack_log(record)))))

    # -- writing

    def begin(self) -> None:
        """Start a transaction."""
        self._connection.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Make all that was added since `begin` visible."""
        self._connection.execute("COMMIT")
        self._checkpoints.look(self.records - self._committed)
        self._committed = self.records

    def rollback(self) -> None:
        """Forget all that was added since `begin`."""
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
        self._origins = {data: id_ for id_, data in self._query("SELECT id, data FROM origins")}
        self.marks = dict(self._query("SELECT name, value FROM marks"))
        self.next_log = max(self._one("SELECT max(id) FROM logs") or 0, self.first_log - 1) + 1
        self._texts.clear()
        self._reload_texts()

    def add(self, batches: Iterable[Batch], arrival: int) -> None:
        """Add records that arrived at `arrival` (Unix ms): all of them or, when something is wrong with one, none."""
        before = (self.next_log, self.records, len(self._texts), len(self._origins))
        self._connection.execute("SAVEPOINT request")
        try:
            self._add(batches, arrival)
        except Exception:
            self._connection.execute("ROLLBACK TO request")
            self.next_log, self.records = before[:2]
            del self._texts[before[2] :]
            while len(self._origins) > before[3]:
                self._origins.popitem()
            raise
        finally:
            if self._connection.in_transaction:
                self._connection.execute("RELEASE request")

    def _add(self, batches: Iterable[Batch], arrival: int) -> None:
        for batch in batches:
            resource = batch.origin.resource
            origin = self._origin(rows.pack(batch.origin))
            if batch.logs:
                self._add_logs(batch, arrival, origin)
            if batch.spans:
                found = [rows.span_row(span, arrival, origin, resource) for span in batch.spans]
                self._connection.executemany(INSERT_SPAN, found)
            if batch.metrics:
                found = [rows.metric_row(metric, arrival, origin, resource) for metric in batch.metrics]
                self._connection.executemany(INSERT_METRIC, found)
            self.records += len(batch.logs) + len(batch.spans) + len(batch.metrics)

    def mark(self, name: str, value: str) -> None:
        """Remember a word, in the transaction of what it is about."""
        self._connection.execute(SET_MARK, (name, value))
        self.marks[name] = value

    def _origin(self, data: bytes) -> int:
        known = self._origins.get(data)
        if known is None:
            known = self._origins[data] = len(self._origins) + 1
            self._connection.execute("INSERT INTO origins VALUES(?,?)", (known, data))
        return known

    def _add_logs(self, batch: Batch, arrival: int, origin: int) -> None:
        resource = batch.origin.resource
        found = [rows.log_row(id_, log, arrival, origin, resource) for id_, log in enumerate(batch.logs, self.next_log)]
        self._texts += [(id_, rows.for_index(rows.searched(log))) for id_, log in enumerate(batch.logs, self.next_log)]
        self.next_log += len(found)
        self._connection.executemany(INSERT_LOG, found)
        self._connection.executemany(COUNT_MINUTE, counted(found))

    # -- text

    @property
    def texts_wait(self) -> int:
        """Records whose text is not in the index yet."""
        return len(self._texts)

    def index_texts(self) -> None:
        """Put waiting texts into the index: a transaction of its own. Those of one that fails go on waiting."""
        if not self._texts:
            return
        self.begin()
        try:
            self._connection.executemany(INSERT_TEXT, self._texts)
            self.mark(TEXTS_UP_TO, str(self._texts[-1][0]))
            self.commit()
        except sqlite3.Error:
            self.rollback()
            raise
        self._texts = []

    def merge_texts(self) -> bool:
        """One step of tidying the index, some 10 ms; False when nothing was left to do."""
        return merge_texts(self._connection)

    # -- its end

    def facts(self, *, sealed: bool) -> Segment:
        """What the catalogue says of it."""
        if not sealed:
            return Segment(self.number, ACTIVE, self.first_log)
        minutes = self._range("SELECT min(minute), max(minute) FROM minutes")
        logs = minutes and Range(minutes.low * MINUTE_NS, (minutes.high + 1) * MINUTE_NS - 1)
        return Segment(
            self.number,
            SEALED,
            self.first_log,
            self.next_log - 1,
            logs,
            self._range("SELECT min(time), max(time) FROM spans"),
            self._range("SELECT min(time), max(time) FROM metrics"),
            self._arrived(),
            checked=True,
        )

    def _arrived(self) -> Range | None:
        ends = [
            self._query(f"SELECT arrival FROM {table} ORDER BY id {way} LIMIT 1")  # noqa: S608 - our own names
            for table in ("logs", "spans", "metrics")
            for way in ("ASC", "DESC")
        ]
        found = [row[0][0] for row in ends if row]
        return Range(min(found), max(found)) if found else None

    def _range(self, sql: str) -> Range | None:
        low, high = self._query(sql)[0]
        return None if low is None else Range(low, high)

    def size(self) -> int:
        """Bytes of the file."""
        return self._one("PRAGMA page_count") * self._one("PRAGMA page_size")

    def close(self, finish_until: threading.Event | None = None) -> None:
        """Let go of it; the write-ahead log is folded into the file.

        `finish_until`: make one of the index's parts first, until this is set.
        """
        self._checkpoints.wait()
        with suppress(sqlite3.Error):  # what is not merged is only slower to search
            while finish_until is not None and not finish_until.is_set():
                if not merge_texts(self._connection, fully=True):
                    break
                fold(self._connection)
        self._connection.close()


def counted(logs: Iterable[Row]) -> list[tuple[int, int, int, int, int]]:
    """(minute, level, count, first id, last id) of rows whose ids ascend."""
    found: dict[tuple[int, int], list[int]] = {}
    for row in logs:
        key = (row[1] // MINUTE_NS, row[3])
        known = found.get(key)
        if known is None:
            found[key] = [1, row[0], row[0]]
        else:
            known[0] += 1
            known[2] = row[0]
    return [(minute, level, count, first, last) for (minute, level), (count, first, last) in found.items()]


def check(connection: sqlite3.Connection) -> str | None:
    """What is wrong with a file; None when nothing is."""
    try:
        found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.DatabaseError as error:
        return str(error) if schema.is_damage(error) else None
    return None if found == "ok" else str(found)
