"""Takes care of the segments: opens the active one, begins the next, drops the oldest, sets damaged ones aside."""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import suppress
from pathlib import Path

import structlog
from msgspec import Struct

from gestalt_telemetry.store import schema
from gestalt_telemetry.store.catalogue import SUFFIXES, Catalogue, Segment, move_catalogue_aside
from gestalt_telemetry.store.schema import WrongVersion
from gestalt_telemetry.store.segment import OpenSegment, check

GAP_AFTER_DAMAGE = 1 << 24
"""Ids left free after an active segment whose end cannot be read: no id is ever given twice."""

log = structlog.get_logger()


class Limits(Struct, frozen=True):
    """How much is kept. `records`, `bytes` and `seconds`: when a segment is full or old enough to be followed."""

    segment_records: int = 500_000
    segment_bytes: int = 512 * 1024 * 1024
    segment_seconds: float = 86_400.0
    kept_bytes: int = 4 * 1024 * 1024 * 1024
    kept_seconds: float = 14 * 86_400.0


class Keeper:
    """The writer's view of the folder. `active` is always there once opened."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._limits = limits
        self.catalogue = _open_catalogue(folder)
        self.catalogue.finish_drops()
        self._adopt_strays(folder)
        self.active = self._open_active()
        self._begun = time.monotonic()
        self._closing: list[threading.Thread] = []
        self._over = threading.Event()
        self.damaged = len(self.catalogue.damaged())

    # -- opening

    def _adopt_strays(self, folder: Path) -> None:
        """Files that the catalogue does not know: it was lost. The last becomes the active one."""
        known = {segment.number for segment in self.catalogue.segments()}
        found = sorted(int(path.stem.removeprefix("segment-")) for path in folder.glob("segment-*.db"))
        strays = [number for number in found if number not in known]
        if known and strays:  # a segment that was made, and not told yet: it is empty
            for number in strays:
                for suffix in SUFFIXES:
                    with suppress(FileNotFoundError):
                        Path(f"{self.catalogue.file(number)}{suffix}").unlink()
            return
        for place, number in enumerate(strays):
            self._adopt(number, last=place == len(strays) - 1)

    def _adopt(self, number: int, *, last: bool) -> None:
        path = self.catalogue.file(number)
        try:
            segment = OpenSegment(number, path, _first_log(path))
        except (sqlite3.DatabaseError, WrongVersion) as error:
            if not schema.is_damage(error):
                raise
            self.set_aside(number, str(error))
            return
        segment.index_texts()
        self.catalogue.add(segment.facts(sealed=not last))
        segment.close()

    def _open_active(self) -> OpenSegment:
        segments = self.catalogue.segments()
        active = next((segment for segment in segments if segment.active), None)
        if active is not None:
            try:
                return self._opened(active)
            except (sqlite3.DatabaseError, WrongVersion) as error:
                if not schema.is_damage(error):
                    raise
                self.set_aside(active.number, str(error))
        return self._begin_anew(segments)

    def _opened(self, segment: Segment) -> OpenSegment:
        path = self.catalogue.file(segment.number)
        if not path.exists():
            raise sqlite3.DatabaseError("the file is gone")
        return OpenSegment(segment.number, path, segment.first_log)

    def _begin_anew(self, segments: list[Segment]) -> OpenSegment:
        """After a damaged active segment, or in an empty folder."""
        number = max((segment.number for segment in segments), default=0) + 1
        first = 1
        for segment in segments:
            end = segment.last_log if segment.last_log is not None else segment.first_log + GAP_AFTER_DAMAGE
            first = max(first, end + 1)
        opened = OpenSegment(number, self.catalogue.file(number), first)
        self.catalogue.add(opened.facts(sealed=False))
        return opened

    # -- going on

    def full(self) -> bool:
        """Whether the active segment should be followed by another."""
        limits, active = self._limits, self.active
        old = time.monotonic() - self._begun >= limits.segment_seconds
        return active.records > 0 and (
            old or active.records >= limits.segment_records or active.size() >= limits.segment_bytes
        )

    def follow(self) -> None:
        """Seal the active segment and begin the next. The old file is closed beside the work."""
        sealed = self.active
        sealed.index_texts()
        number = sealed.number + 1
        following = OpenSegment(number, self.catalogue.file(number), sealed.next_log)
        following.begin()
        for name, value in sealed.marks.items():
            if name.startswith("source:"):
                following.mark(name, value)
        following.commit()
        self.catalogue.seal(sealed.facts(sealed=True), following.facts(sealed=False))
        self.active, self._begun = following, time.monotonic()
        closing = threading.Thread(target=sealed.close, args=(self._over,), name="close-segment")
        closing.start()
        self._closing = [thread for thread in self._closing if thread.is_alive()] + [closing]

    def drop_old(self, now: float) -> list[int]:
        """Unlink the oldest segments that are over the bounds; their numbers. `now`: Unix seconds."""
        sealed = [segment for segment in self.catalogue.segments() if not segment.active]
        total = sum(self.catalogue.size(segment.number) for segment in sealed) + self.active.size()
        since = (now - self._limits.kept_seconds) * 1_000
        dropped = []
        for segment in sealed:
            expired = segment.arrived is None or segment.arrived.high < since
            if not (expired or total > self._limits.kept_bytes):
                break
            total -= self.catalogue.drop(segment.number)
            dropped.append(segment.number)
        if dropped:
            log.info("old telemetry dropped", segments=dropped)
        return dropped

    def set_aside(self, number: int, reason: str) -> None:
        """Take a damaged segment out of the store; the active one is followed by another at once."""
        if "active" in self.__dict__ and number == self.active.number:
            self._replace_active(reason)
        else:
            self._move_aside(number, reason)

    def _replace_active(self, reason: str) -> None:
        segments, lost = self.catalogue.segments(), self.active
        with suppress(sqlite3.Error):
            lost.close()
        self._move_aside(lost.number, reason)
        self.active = self._begin_anew(segments)

    def _move_aside(self, number: int, reason: str) -> None:
        note = self.catalogue.set_aside(number, reason)
        self.damaged = len(self.catalogue.damaged())
        log.error("a damaged segment was set aside", file=note.file, reason=reason)

    def close(self) -> None:
        """Close everything, in order."""
        self._over.set()
        with suppress(sqlite3.Error):
            self.active.index_texts()
        self.active.close()
        for thread in self._closing:
            thread.join()
        self.catalogue.close()


def check_file(folder: Path, number: int) -> str | None:
    """What is wrong with a segment; None when nothing is. Reads all of it."""
    path = folder / f"segment-{number:06d}.db"
    try:
        connection = schema.connect(path, read_only=True)
    except (sqlite3.Error, WrongVersion) as error:
        return str(error) if schema.is_damage(error) or not path.exists() else None
    try:
        return check(connection)
    finally:
        connection.close()


def _open_catalogue(folder: Path) -> Catalogue:
    try:
        found = Catalogue(folder)
        found.segments()
    except (sqlite3.DatabaseError, WrongVersion) as error:
        if not schema.is_damage(error):
            raise
        log.exception("the catalogue is damaged and is made anew", reason=str(error))
        move_catalogue_aside(folder)
        return Catalogue(folder)
    return found


def _first_log(path: Path) -> int:
    connection = schema.connect(path, read_only=True)
    try:
        return int(connection.execute("SELECT min(id) FROM logs").fetchone()[0] or 1)
    finally:
        connection.close()
