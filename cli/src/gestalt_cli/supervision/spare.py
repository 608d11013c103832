"""A warm process of one kind: everything imported, waiting for its go, so that a lost unit is back at once."""

from __future__ import annotations

from dataclasses import dataclass

from gestalt_cli.supervision import backoff
from gestalt_cli.supervision.words import Kind


@dataclass(slots=True)
class Spare:
    """The spare of `kind`, if there is one now. `due`: not before that moment is another one started."""

    kind: Kind
    process: int | None = None
    due: float = 0.0
    started_at: float = 0.0
    early_ends: int = 0

    def started(self, process: int, now: float) -> None:
        """A process is warming up."""
        self.process, self.started_at = process, now

    def take(self) -> int | None:
        """The process, which is a unit's from now on. It need not be warm yet: it reads its go when it is."""
        process, self.process = self.process, None
        return process

    def exited(self, now: float) -> None:
        """It ended while it was waiting."""
        self.process = None
        self.early_ends = 0 if backoff.proven(self.started_at, now) else self.early_ends + 1
        self.due = now + backoff.delay(self.early_ends)
