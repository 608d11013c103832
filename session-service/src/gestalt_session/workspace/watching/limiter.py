"""How many changes are told: a thousand at once, then two hundred a second; what is held back is counted. Pure."""

from __future__ import annotations

AT_ONCE = 1_000
A_SECOND = 200
REPORT_SECONDS = 1.0
"""How often the count of what was held back is told while it grows."""


class Limiter:
    """A bucket of changes that may be told."""

    def __init__(self, now: float, *, at_once: int = AT_ONCE, a_second: float = A_SECOND) -> None:
        self._at_once = at_once
        self._a_second = a_second
        self._left = float(at_once)
        self._filled = now
        self._held_back = 0
        self._since = now

    def allows(self, now: float) -> bool:
        """Whether one more may be told now; if not it is counted."""
        self._left = min(self._at_once, self._left + (now - self._filled) * self._a_second)
        self._filled = now
        if self._left < 1:
            self.hold_back(1, now)
            return False
        self._left -= 1
        return True

    def hold_back(self, count: int, now: float) -> None:
        """Count what will not be told."""
        if count and not self._held_back:
            self._since = now
        self._held_back += count

    def report(self, now: float, *, still: bool) -> int:
        """How many were held back since the last report, once a second or when all is `still`; else 0."""
        if not self._held_back or not (still or now - self._since >= REPORT_SECONDS):
            return 0
        count, self._held_back = self._held_back, 0
        return count
