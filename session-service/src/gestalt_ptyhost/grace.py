"""How far programs may run ahead while no worker is there.

Viewers who come back within the grace find every byte in the journal; after it programs are not held for anyone.
"""

from typing import Final

SECONDS: Final = 5.0
"""A killed worker is back in under two; one that is away longer has lost its viewers' patience too."""
ALLOWANCE: Final = 24 * 1024 * 1024
"""Bytes of one session: under half of the default journal, so that what viewers had not seen yet is kept."""


class Grace:
    """Holds sessions that wrote more than the allowance since the worker was lost, until the grace is over."""

    def __init__(self) -> None:
        self.until: float | None = None
        self._written: dict[int, int] = {}

    def begin(self, now: float) -> None:
        """The worker was lost at `now` (monotonic seconds)."""
        self.until = now + SECONDS
        self._written.clear()

    def end(self) -> None:
        """A worker is back, or the grace is over: nobody is held any more."""
        self.until = None
        self._written.clear()

    def over(self, now: float) -> bool:
        """Whether a grace has begun and has run out at `now`."""
        return self.until is not None and now >= self.until

    def wrote(self, session: int, count: int) -> None:
        """Count bytes of a session against its allowance."""
        if self.until is not None:
            self._written[session] = self._written.get(session, 0) + count

    def holds(self, session: int) -> bool:
        """Whether a session has to wait."""
        return self.until is not None and self._written.get(session, 0) >= ALLOWANCE
