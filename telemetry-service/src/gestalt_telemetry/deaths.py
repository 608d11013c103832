"""How often this service and its writer died: a mark in its folder, which only a stop that was asked for takes away."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import TextIO

import structlog

from gestalt_contracts.events import now, rfc3339

log = structlog.get_logger()


class Deaths:
    """`begin` at the start, `end` at a stop; what ended without one is counted until there was one."""

    def __init__(self, mark: Path) -> None:
        self._path = mark
        self._held: TextIO | None = None
        self._written = 0
        self.count = 0
        self.last = ""
        """When the last was noticed, and what is known of it; empty without one."""

    def begin(self) -> None:
        """Count the death of whoever left a mark, and leave our own. Another one that lives on the folder keeps it."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            held = self._path.open("a+")
        except OSError as error:
            log.warning("deaths of this service are not counted", reason=str(error))
            return
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._leave_mark(held)
        except OSError as error:
            self._held = None
            held.close()
            log.warning("deaths of this service are not counted", reason=str(error))

    def _leave_mark(self, held: TextIO) -> None:
        held.seek(0)
        self.count = _next(held.read())
        if self.count:
            self.last = f"{rfc3339(now().replace(microsecond=0))}: the service ended without a stop"
        self._held = held
        self._write(self.count)

    def with_those_of(self, writers: int) -> int:
        """All deaths, those of so many writers since our own start included: the next of us goes on from there."""
        if self._held is not None and self._written != self.count + writers:
            try:
                self._write(self.count + writers)
            except OSError as error:
                log.warning("a death of the writer is not kept", reason=str(error))
        return self.count + writers

    def _write(self, deaths: int) -> None:
        self._written = deaths
        if self._held is not None:
            self._held.truncate(0)
            self._held.write(str(deaths))
            self._held.flush()

    def end(self) -> None:
        """Take the mark away."""
        if self._held is not None:
            self._path.unlink(missing_ok=True)
            self._held.close()


def _next(found: str) -> int:
    """The deaths there were, of a mark's text: an empty one is new."""
    return int(found) + 1 if found.isdigit() else 0
