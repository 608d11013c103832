"""What a pty host tells its worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from gestalt_session.terminal.pty_host import CreateFailed, Held, PtyHost


class HostListener(Protocol):
    """Who is told what the host says. Calls come from the event loop; none may block."""

    def on_data(self, number: int, offset: int, data: bytes) -> None:
        """`data` now stands in the journal at `offset`."""

    def on_end(self, number: int, end: int) -> None:
        """The journal reaches to `end`."""

    def on_adopted(self, number: int, end: int) -> None:
        """A new host reads a terminal whose last one died; what lay in the pipe is in the journal, up to `end`."""

    def on_segment(self, number: int, start: int, base: int) -> None:
        """A new segment has begun; nothing before `base` is kept."""

    def on_hole(self, number: int, start: int, length: int) -> None:
        """A full disk could not take `length` bytes at `start`."""

    def on_exit(self, number: int, exit_code: int | None, end: int) -> None:
        """The program has ended and its terminal is drained."""

    def on_unclaimed(self, host: PtyHost, held: Held) -> None:
        """A program was started for which nobody waits any more."""

    def on_not_adopted(self, host: PtyHost, number: int, refusal: CreateFailed) -> None:
        """`host` did not take over a terminal that it was handed, or answers too late that it could not make one."""

    def on_host_gone(self, host: PtyHost) -> None:
        """The connection has ended."""
