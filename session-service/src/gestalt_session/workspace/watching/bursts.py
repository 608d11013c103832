"""Many events on one path become one: told when it has been still for a moment, or after a second at the most. Pure."""

from __future__ import annotations

QUIET_SECONDS = 0.1
LONGEST_SECONDS = 1.0
MOST_PENDING = 20_000
"""Paths that wait at once; some 5 MB."""


class Bursts:
    """Paths that have changed and wait to be told. Times are of one monotonic clock, in seconds."""

    def __init__(self, most: int = MOST_PENDING) -> None:
        self._most = most
        self._pending: dict[str, tuple[float, float, int]] = {}  # first change, when it is due, events or-ed

    def __contains__(self, path: str) -> bool:
        return path in self._pending

    def __len__(self) -> int:
        return len(self._pending)

    def touch(self, path: str, mask: int, now: float) -> bool:
        """Something happened to `path`. False: too many wait already, this one does not."""
        known = self._pending.get(path)
        if known is None and len(self._pending) >= self._most:
            return False
        first, _, seen = known or (now, now, 0)
        self._pending[path] = (first, min(first + LONGEST_SECONDS, now + QUIET_SECONDS), seen | mask)
        return True

    def due(self, now: float) -> list[tuple[str, int]]:
        """Take what is due, oldest first: each path with all that happened to it."""
        found = [path for path, (_, due, _) in self._pending.items() if due <= now]
        return [(path, self._pending.pop(path)[2]) for path in found]

    def next_due(self) -> float | None:
        """When something is due next."""
        return min((due for _, due, _ in self._pending.values()), default=None)
