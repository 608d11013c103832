"""A viewer is a cursor and a socket, not a queue: when its socket takes more, it gets the next slice of the journal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from gestalt_session.terminal.pacing import Meter, Reader

CLOSED_NORMALLY = 1000
SESSION_CLOSED = "session closed"
NOT_FOUND = 4404
TERMINAL_NOT_FOUND = "terminal not found"
LARGEST_CHUNK = 128 * 1024  # one frame of a flood: large enough to cost little, small enough to keep a turn short
FAR_BEHIND = 8 * 1024 * 1024
"""A backlog that nobody looks at: who takes snapshots gets a new one instead."""


class Sink(Protocol):
    """The socket of one viewer, as the session sees it. Nothing here blocks."""

    @property
    def writable(self) -> bool:
        """Whether its buffer is below the mark: output is given only then."""

    def output(self, chunk: bytes) -> None:
        """One binary frame."""

    def control(self, message: dict[str, Any]) -> None:
        """One control frame; dropped by a viewer that did not ask for them."""

    def finish(self, code: int, reason: str) -> None:
        """Close, after everything given so far."""


class Viewer:
    """One attached client. `cursor` is the offset of the next byte it is to get."""

    def __init__(
        self,
        sink: Sink,
        cursor: int,
        *,
        readonly: bool,
        now: float,
        window: int = 4 * LARGEST_CHUNK,
        hears: bool = True,
    ) -> None:
        """`window`: how many bytes it is sent beyond its acknowledgement, if it ever gives one.

        `hears`: it is told control frames.
        """
        self.sink = sink
        self.cursor = cursor
        self.readonly = readonly
        self.hears = hears
        self.meter = Meter(now)
        self.size: tuple[int, int] | None = None
        """Columns and rows it has room for; None while it has not said."""
        self.waiting = False
        """A snapshot is on its way: no output before it."""
        self.renew: Callable[[], None] | None = None
        """Asks for a snapshot in place of a long backlog; None for who wants every byte."""
        self._window = max(window, LARGEST_CHUNK)
        self._acknowledged: int | None = None

    @property
    def ready(self) -> bool:
        """Whether output may be given now."""
        if self.waiting or not self.sink.writable:
            return False
        return self._acknowledged is None or self.cursor + LARGEST_CHUNK <= self._acknowledged + self._window

    def acknowledge(self, cursor: int) -> None:
        """It has parsed what is before `cursor`; what it was never sent it cannot have parsed."""
        self._acknowledged = max(self._acknowledged or 0, min(cursor, self.cursor))

    def give(self, chunk: bytes, now: float) -> None:
        """Send the bytes at its cursor."""
        self.sink.output(chunk)
        self.cursor += len(chunk)
        self.meter.took(len(chunk), now)

    def is_far_behind(self, end: int) -> bool:
        """Whether a snapshot serves it better than what it has missed."""
        return self.renew is not None and end - self.cursor > FAR_BEHIND

    def jump(self, cursor: int) -> None:
        """It has been given a snapshot of that moment."""
        self.cursor = cursor
        if self._acknowledged is not None:
            self._acknowledged = cursor

    def move(self, base: int, reason: str) -> None:
        """What it was to get is gone: say so, and go on at `base`."""
        self.cursor = base
        self.sink.control({"type": "reset", "base": base, "reason": reason})

    def reader(self, now: float) -> Reader:
        """What the pace of the program depends on."""
        return Reader(self.cursor, self.meter.rate(now), self.meter.proven(now))
