"""A viewer is a cursor and a socket, not a queue: when its socket takes more, it gets the next slice of the journal."""

from __future__ import annotations

from typing import Any, Protocol

from gestalt_session.terminal.pacing import Meter, Reader

CLOSED_NORMALLY = 1000
SESSION_CLOSED = "session closed"
NOT_FOUND = 4404
TERMINAL_NOT_FOUND = "terminal not found"


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

    def __init__(self, sink: Sink, cursor: int, *, readonly: bool, now: float) -> None:
        self.sink = sink
        self.cursor = cursor
        self.readonly = readonly
        self.meter = Meter(now)

    def give(self, chunk: bytes, now: float) -> None:
        """Send the bytes at its cursor."""
        self.sink.output(chunk)
        self.cursor += len(chunk)
        self.meter.took(len(chunk), now)

    def move(self, base: int, reason: str) -> None:
        """What it was to get is gone: say so, and go on at `base`."""
        self.cursor = base
        self.sink.control({"type": "reset", "base": base, "reason": reason})

    def reader(self, now: float) -> Reader:
        """What the pace of the program depends on."""
        return Reader(self.cursor, self.meter.rate(now), self.meter.proven(now))
