"""A dragged window sends dozens of sizes: the first holds at once, of those that follow within a moment the last."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

BURST_SECONDS = 0.1


class Bursts:
    """Sizes on their way to one terminal, whoever asks; `apply` sets one. Who asked last has it in the end."""

    def __init__(self, apply: Callable[[int, int], None]) -> None:
        self._apply = apply
        self._waiting: tuple[int, int] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def now(self, cols: int, rows: int) -> None:
        """Set this size; one that waits was asked for earlier and is forgotten."""
        self._waiting = None
        self._apply(cols, rows)

    def soon(self, cols: int, rows: int) -> None:
        """Set this size now, or BURST_SECONDS after the last one if that is still to come."""
        if self._timer is not None:
            self._waiting = (cols, rows)
            return
        self._timer = asyncio.get_running_loop().call_later(BURST_SECONDS, self._over)
        self._apply(cols, rows)

    def close(self) -> None:
        """Nothing is set any more."""
        self._waiting = None
        if self._timer is not None:
            self._timer.cancel()

    def _over(self) -> None:
        self._timer = None
        if self._waiting is not None:
            size, self._waiting = self._waiting, None
            self.soon(*size)
