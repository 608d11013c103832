"""The tables of a segment and of the catalogue, numbered: a file of another number is not opened."""

from __future__ import annotations

import sqlite3
from pathlib import Path

VERSION = 1
BUSY_SECONDS = 5.0
UNMERGED_TEXTS = 1_999
"""Parts of the text index in one segment: as many as it can have. They are merged beside the work (see upkeep)."""

SEGMENT = """
CREATE TABLE origins(id INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE marks(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE logs(
    id INTEGER PRIMARY KEY, time INTEGER NOT NULL, arrival INTEGER NOT NULL, level INTEGER NOT NULL,
    origin INTEGER NOT NULL, session TEXT, uid TEXT, trace BLOB, record BLOB NOT NULL);
CREATE INDEX logs_level ON logs(level);
CREATE INDEX logs_session ON logs(session) WHERE session IS NOT NULL;
CREATE INDEX logs_uid ON logs(uid) WHERE uid IS NOT NULL;
CREATE INDEX logs_trace ON logs(trace) WHERE trace IS NOT NULL;
CREATE VIRTUAL TABLE texts USING fts5(text, content='', columnsize=0, detail=none, tokenize='trigram');
CREATE TABLE minutes(
    minute INTEGER NOT NULL, level INTEGER NOT NULL, count INTEGER NOT NULL, first INTEGER NOT NULL,
    last INTEGER NOT NULL, PRIMARY KEY(minute, level)) WITHOUT ROWID;
CREATE TABLE spans(
    id INTEGER PRIMARY KEY, time INTEGER NOT NULL, arrival INTEGER NOT NULL, origin INTEGER NOT NULL,
    session TEXT, uid TEXT, trace BLOB NOT NULL, name TEXT NOT NULL COLLATE NOCASE, record BLOB NOT NULL);
CREATE INDEX spans_time ON spans(time);
CREATE INDEX spans_trace ON spans(trace);
CREATE INDEX spans_name ON spans(name, time);
CREATE INDEX spans_session ON spans(session, time) WHERE session IS NOT NULL;
CREATE INDEX spans_uid ON spans(uid, time) WHERE uid IS NOT NULL;
CREATE TABLE metrics(
    id INTEGER PRIMARY KEY, time INTEGER NOT NULL, arrival INTEGER NOT NULL, origin INTEGER NOT NULL,
    session TEXT, uid TEXT, name TEXT NOT NULL COLLATE NOCASE, record BLOB NOT NULL);
CREATE INDEX metrics_time ON metrics(time);
CREATE INDEX metrics_name ON metrics(name, time);
"""
"""`time` is the record's own (Unix ns), `arrival` ours (ms); `minutes` counts logs and holds their range of ids."""

CATALOGUE = """
CREATE TABLE segments(
    number INTEGER PRIMARY KEY, state TEXT NOT NULL, first_log INTEGER NOT NULL, last_log INTEGER,
    log_from INTEGER, log_to INTEGER, span_from INTEGER, span_to INTEGER, metric_from INTEGER, metric_to INTEGER,
    arrived_from INTEGER, arrived_to INTEGER, checked INTEGER NOT NULL DEFAULT 0);
CREATE TABLE damaged(file TEXT PRIMARY KEY, reason TEXT NOT NULL, at INTEGER NOT NULL);
"""
"""`state`: active, sealed, or dropping. Ranges are known once a segment is sealed; NULL means none or not yet."""


class WrongVersion(Exception):
    """A file of another schema."""


def is_damage(error: Exception) -> bool:
    """Whether the file is at fault: a lock, a full disk or too few descriptors pass, and cost no segment its place."""
    if isinstance(error, sqlite3.OperationalError):
        return str(error).startswith("no such ")  # a table that is not there
    return isinstance(error, sqlite3.DatabaseError | WrongVersion)


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """A connection to an existing file; transactions are said explicitly."""
    mode = "ro" if read_only else "rw"
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    connection = sqlite3.connect(
        uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=64
    )
    try:
        _refuse_other_version(connection, path.name)
        if read_only:
            connection.create_function("folded", 1, str.casefold, deterministic=True)
        else:
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute("PRAGMA wal_autocheckpoint=0")  # see upkeep
    except BaseException:
        connection.close()
        raise
    return connection


def _refuse_other_version(connection: sqlite3.Connection, name: str) -> None:
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    if found != VERSION:
        raise WrongVersion(f"{name} has schema {found}, not {VERSION}")


def create(path: Path, script: str) -> sqlite3.Connection:
    """A new file with the tables of `script`, in one transaction: it is whole or it has version 0."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.executescript(f"BEGIN; {script} PRAGMA user_version={VERSION}; COMMIT;")
    connection.close()
    return connect(path)
