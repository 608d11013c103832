"""Work on a segment's file beside the writer: in threads, so that nobody who sends waits for it."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import suppress
from pathlib import Path

import structlog

from gestalt_telemetry.store import schema

CHECKPOINT_RECORDS = 8_000
"""Records between two foldings of the write-ahead log: some 16 MiB of it."""

MERGE_PAGES = 500
"""Of the text index in one step, some 10 ms: between two steps a stop is heard."""

log = structlog.get_logger()


class Checkpoints:
    """Folds the write-ahead log into its file: a commit that does it itself stands still for up to 100 ms.

    A thread folds what is there; what came meanwhile, little, the writer folds when the thread has ended: only then the
    log begins anew and does not grow.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection
        self._thread: threading.Thread | None = None
        self._records = 0

    def look(self, records: int) -> None:
        """After each commit: so many records more are in the log."""
        self._records += records
        if self._thread is not None and not self._thread.is_alive():
            self._thread = None
            fold(self._connection)
        elif self._thread is None and self._records >= CHECKPOINT_RECORDS:
            self._records = 0
            self._thread = threading.Thread(target=self._run, name="checkpoint")
            self._thread.start()

    def wait(self) -> None:
        """Until nothing works on the file."""
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        try:
            connection = schema.connect(self._path)
        except sqlite3.Error as error:
            log.warning("the write-ahead log cannot be folded now", reason=str(error))
            return
        fold(connection)
        connection.close()


def fold(connection: sqlite3.Connection) -> None:
    """Fold the write-ahead log as far as readers let it; a disk that is full now is tried again later."""
    with suppress(sqlite3.OperationalError):
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)")


def merge_texts(connection: sqlite3.Connection, *, fully: bool = False) -> bool:
    """One step of making one of the text index's many parts; False when nothing was left to do.

    `fully`: into a single one, which a segment that is complete deserves.
    """
    before = connection.total_changes
    connection.execute("INSERT INTO texts(texts, rank) VALUES('merge', ?)", (-MERGE_PAGES if fully else MERGE_PAGES,))
    return connection.total_changes - before > 1
