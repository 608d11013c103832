"""Reading segments: connections that are kept while their segment is, and a bound on how long one query takes."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from gestalt_telemetry.records import Origin
from gestalt_telemetry.refusals import TookTooLong
from gestalt_telemetry.store import schema
from gestalt_telemetry.store.catalogue import Catalogue, Damaged, Segment
from gestalt_telemetry.store.rows import unpack_origin
from gestalt_telemetry.store.schema import WrongVersion

STEPS = 20_000
"""Virtual machine steps between two looks at the clock: about a millisecond."""

QUERY_SECONDS = 10.0
"""Longest query: what takes longer is refused, not waited for."""

GONE = ("unable to open database file",)


class Unreadable(Exception):
    """A segment is damaged."""

    def __init__(self, number: int, reason: str) -> None:
        super().__init__(reason)
        self.number = number


class SegmentReader:
    """One segment, read."""

    def __init__(self, segment: Segment, connection: sqlite3.Connection) -> None:
        self.segment = segment
        self._connection = connection
        self._origins: dict[int, Origin] = {}

    def rows(self, sql: str, values: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """The rows of a query, one by one. Raises Unreadable, TookTooLong."""
        try:
            yield from self._connection.execute(sql, values)
        except sqlite3.OperationalError as error:
            if "interrupted" in str(error):
                raise TookTooLong from error
            raise Unreadable(self.segment.number, str(error)) from error
        except sqlite3.DatabaseError as error:
            raise Unreadable(self.segment.number, str(error)) from error

    def row(self, sql: str, values: Sequence[Any] = ()) -> tuple[Any, ...]:
        """The only row of a query that has one."""
        return next(iter(self.rows(sql, values)))

    def origin(self, id_: int) -> Origin:
        """Where records come from."""
        known = self._origins.get(id_)
        if known is None:
            (data,) = self.row("SELECT data FROM origins WHERE id = ?", (id_,))
            known = self._origins[id_] = unpack_origin(data)
        return known

    def close(self) -> None:
        """Let go of the file: only then its bytes are free."""
        self._connection.close()


class Reader:
    """All segments of a folder, for one query at a time."""

    def __init__(self, folder: Path) -> None:
        self._catalogue = Catalogue(folder, read_only=True)
        self._open: dict[int, SegmentReader] = {}
        self._until = 0.0

    def close(self) -> None:
        """Let go of everything."""
        for segment in self._open.values():
            segment.close()
        self._open.clear()
        self._catalogue.close()

    @contextmanager
    def limited(self, seconds: float = QUERY_SECONDS) -> Iterator[None]:
        """Give up what lasts longer: TookTooLong."""
        self._until = time.monotonic() + seconds
        yield

    def segments(self) -> list[SegmentReader]:
        """Every segment there is, oldest first; what is gone is let go of. One that cannot be opened is left out."""
        found = self._catalogue.segments()
        self._forget({segment.number for segment in found})
        opened = [self._opened(segment) for segment in found]
        return [segment for segment in opened if segment is not None]

    def forget_gone(self) -> None:
        """Close what is not in the catalogue any more."""
        self._forget({segment.number for segment in self._catalogue.segments()})

    def damaged(self) -> list[Damaged]:
        """What was set aside."""
        return self._catalogue.damaged()

    def size(self) -> int:
        """Bytes on disk of all segments."""
        return sum(self._catalogue.size(segment.number) for segment in self._catalogue.segments())

    def _forget(self, known: set[int]) -> None:
        for number in [number for number in self._open if number not in known]:
            self._open.pop(number).close()

    def _opened(self, segment: Segment) -> SegmentReader | None:
        reader = self._open.get(segment.number)
        if reader is not None:
            reader.segment = segment
            return reader
        with suppress(sqlite3.Error, WrongVersion):  # dropped meanwhile, or damaged: the writer will find that
            connection = schema.connect(self._catalogue.file(segment.number), read_only=True)
            connection.set_progress_handler(self._overdue, STEPS)
            reader = self._open[segment.number] = SegmentReader(segment, connection)
        return reader

    def _overdue(self) -> bool:
        return time.monotonic() > self._until
