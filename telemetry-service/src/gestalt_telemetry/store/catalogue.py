"""Which segments there are, what each holds, and which were set aside as damaged."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from msgspec import Struct

from gestalt_telemetry.store import schema

ACTIVE, SEALED, DROPPING = "active", "sealed", "dropping"
SUFFIXES = ("", "-wal", "-shm")
DAMAGED_FOLDER = "damaged"


class Range(Struct, frozen=True):
    """From the smallest to the largest, both included."""

    low: int
    high: int

    def overlaps(self, low: int | None, high: int | None) -> bool:
        """Whether something in it may lie between the two."""
        return (low is None or self.high >= low) and (high is None or self.low <= high)


class Segment(Struct, frozen=True):
    """A segment. Of the active one ranges are unknown: `None`; a sealed one without such records has none either."""

    number: int
    state: str
    first_log: int
    last_log: int | None = None
    logs: Range | None = None
    spans: Range | None = None
    metrics: Range | None = None
    arrived: Range | None = None
    checked: bool = False

    @property
    def active(self) -> bool:
        """Whether it is still written to."""
        return self.state == ACTIVE

    def may_hold(self, span: Range | None, low: int | None, high: int | None) -> bool:
        """Whether records of a kind, whose range is `span`, may lie between the two times."""
        return self.active or (span is not None and span.overlaps(low, high))


class Damaged(Struct, frozen=True):
    """A file that was set aside."""

    file: str
    reason: str
    at: int


class Catalogue:
    """The catalogue in `folder`. One process writes, others read."""

    def __init__(self, folder: Path, *, read_only: bool = False) -> None:
        self.folder = folder
        self._path = folder / "catalogue.db"
        if read_only or self._path.exists():
            self._connection = schema.connect(self._path, read_only=read_only)
        else:
            self._connection = schema.create(self._path, schema.CATALOGUE)

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def file(self, number: int) -> Path:
        """Where a segment lies."""
        return self.folder / f"segment-{number:06d}.db"

    def segments(self) -> list[Segment]:
        """All that are there, oldest first; those being dropped are not."""
        rows = self._connection.execute("SELECT * FROM segments WHERE state != ? ORDER BY number", (DROPPING,))
        return [_segment(row) for row in rows]

    def damaged(self) -> list[Damaged]:
        """What was set aside, oldest first."""
        return [Damaged(*row) for row in self._connection.execute("SELECT file, reason, at FROM damaged ORDER BY at")]

    def add(self, segment: Segment) -> None:
        """Know a segment, or know it better."""
        row = (
            segment.number,
            segment.state,
            segment.first_log,
            segment.last_log,
            *_ends(segment.logs),
            *_ends(segment.spans),
            *_ends(segment.metrics),
            *_ends(segment.arrived),
            int(segment.checked),
        )
        self._connection.execute(f"INSERT OR REPLACE INTO segments VALUES({','.join('?' * len(row))})", row)

    def seal(self, sealed: Segment, following: Segment) -> None:
        """One segment ends, the next begins: both or neither."""
        self._connection.execute("BEGIN IMMEDIATE")
        self.add(sealed)
        self.add(following)
        self._connection.execute("COMMIT")

    def drop(self, number: int) -> int:
        """Unlink a segment; the bytes that it took. What a crash interrupts, `finish_drops` ends."""
        self._connection.execute("UPDATE segments SET state = ? WHERE number = ?", (DROPPING, number))
        freed = self._unlink(number)
        self._connection.execute("DELETE FROM segments WHERE number = ?", (number,))
        return freed

    def finish_drops(self) -> None:
        """Unlink what a predecessor had begun to drop."""
        rows = self._connection.execute("SELECT number FROM segments WHERE state = ?", (DROPPING,)).fetchall()
        for (number,) in rows:
            self.drop(number)

    def set_aside(self, number: int, reason: str) -> Damaged:
        """Move a segment's files out of the way, for whoever wants to rescue them, and remember why."""
        name = self.file(number).name
        self._move_aside(name)
        note = Damaged(name, reason, int(time.time() * 1_000))
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.execute("DELETE FROM segments WHERE number = ?", (number,))
        self._connection.execute("INSERT OR REPLACE INTO damaged VALUES(?, ?, ?)", (note.file, note.reason, note.at))
        self._connection.execute("COMMIT")
        return note

    def size(self, number: int) -> int:
        """Bytes on disk."""
        return sum(_size(Path(f"{self.file(number)}{suffix}")) for suffix in SUFFIXES)

    def _unlink(self, number: int) -> int:
        freed = self.size(number)
        for suffix in SUFFIXES:
            with suppress(FileNotFoundError):
                Path(f"{self.file(number)}{suffix}").unlink()
        return freed

    def _move_aside(self, name: str) -> None:
        target = self.folder / DAMAGED_FOLDER
        target.mkdir(exist_ok=True)
        for suffix in SUFFIXES:
            with suppress(FileNotFoundError):
                (self.folder / f"{name}{suffix}").rename(target / f"{name}{suffix}")


def move_catalogue_aside(folder: Path) -> None:
    """A catalogue that cannot be read is kept beside the new one, which is made from the segments themselves."""
    target = folder / DAMAGED_FOLDER
    target.mkdir(exist_ok=True)
    stamp = time.time_ns()
    for suffix in SUFFIXES:
        with suppress(FileNotFoundError):
            (folder / f"catalogue.db{suffix}").rename(target / f"catalogue-{stamp}.db{suffix}")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _ends(span: Range | None) -> tuple[int | None, int | None]:
    return (None, None) if span is None else (span.low, span.high)


def _range(low: int | None, high: int | None) -> Range | None:
    return None if low is None or high is None else Range(low, high)


def _segment(row: tuple[Any, ...]) -> Segment:
    number, state, first, last, *ends, checked = row
    logs, spans, metrics, arrived = (_range(ends[place], ends[place + 1]) for place in range(0, len(ends), 2))
    return Segment(number, state, first, last, logs, spans, metrics, arrived, bool(checked))
