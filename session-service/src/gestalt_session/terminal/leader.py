"""Whose size a terminal has: one viewer's, that of who typed last (contract §3, Size). Pure.

Two browsers of different sizes would else fight over it, each resize undone by the other's. The others show the
terminal at the size it has, and theirs holds once they type. A viewer that hears no control frames and never told a
size is no terminal but a program: it keeps nobody from theirs.
"""

from __future__ import annotations

from collections.abc import Callable

from gestalt_session.terminal.viewer import Viewer

Size = tuple[int, int]

AWAY_SECONDS = 5.0
"""How long a leader that was cut off is waited for: a gateway or worker that dies changes nobody's size."""


class Leader:
    """The viewers who may type, in the order in which they typed last, then came; one of them leads.

    When a leader leaves, the first of the others follows, with its size; a last viewer's leaving keeps the size. One
    that was cut off has a while to come back: it is known by its size, that of the terminal.
    """

    def __init__(self, apply: Callable[[int, int], None], size: Callable[[], Size]) -> None:
        """`apply` sets the terminal's size, `size` tells it."""
        self._apply = apply
        self._size = size
        self._line: list[Viewer] = []
        self._first: Viewer | None = None
        self._kept_until: float | None = None

    def came(self, viewer: Viewer) -> None:
        """One more watches: it leads if nobody does."""
        if not viewer.readonly and (viewer.hears or viewer.size is not None):
            self._line.append(viewer)
        if viewer in self._line and self._may_lead(viewer):
            self._lead(viewer)
        else:
            self._tell(viewer)

    def left(self, viewer: Viewer, now: float, *, cut_off: bool) -> None:
        """One watches no more; `cut_off`: without a word."""
        if viewer in self._line:
            self._line.remove(viewer)
        if viewer is self._first:
            self._first = None
            if cut_off:
                self.keep(now)
            else:
                self._pass_on()

    def keep(self, now: float) -> None:
        """Whose size the terminal has is away, and may be back soon."""
        self._kept_until = now + AWAY_SECONDS

    def settle(self, now: float) -> None:
        """Who was away too long leads no more."""
        if self._kept_until is not None and now >= self._kept_until:
            self._kept_until = None
            self._pass_on()

    def typed(self, viewer: Viewer) -> None:
        """Somebody typed: the terminal is that viewer's now."""
        if viewer in self._line and viewer is not self._first:
            self._lead(viewer)

    def wants(self, viewer: Viewer, size: Size) -> None:
        """One that watches and may type has this size: it holds at once, or when it leads."""
        viewer.size = size
        if viewer not in self._line:
            self._line.append(viewer)
        if viewer is self._first:
            self._apply(*size)
        elif self._may_lead(viewer):
            self._lead(viewer)

    def _may_lead(self, viewer: Viewer) -> bool:
        """Whether nobody leads; while one that was cut off is waited for, it is known by the terminal's size."""
        return self._first is None and (self._kept_until is None or viewer.size == self._size())

    def _pass_on(self) -> None:
        if self._line:
            self._lead(self._line[0])

    def _lead(self, viewer: Viewer) -> None:
        before, self._first, self._kept_until = self._first, viewer, None
        self._line.remove(viewer)
        self._line.insert(0, viewer)
        for told in (before, viewer):
            if told is not None:
                self._tell(told)
        if viewer.size is not None:
            self._apply(*viewer.size)

    def _tell(self, viewer: Viewer) -> None:
        viewer.sink.control({"type": "leader", "you": viewer is self._first})
