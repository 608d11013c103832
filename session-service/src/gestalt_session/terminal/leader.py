"""Whose size a terminal has: one viewer's, that of who typed last (contract §3, Size). Pure.

Two browsers of different sizes would else fight over it, each resize undone by the other's. The others show the
terminal at the size it has, and theirs holds once they type. A viewer that hears no control frames and never told a
size is no terminal but a program: it keeps nobody from theirs.
"""

from __future__ import annotations

from collections.abc import Callable

from gestalt_session.terminal.viewer import Viewer


class Leader:
    """The viewers who may type, the leader first; behind it who typed before, then who came later.

    When a leader leaves, the next one follows, with its size; a last viewer's leaving keeps the size.
    """

    def __init__(self, apply: Callable[[int, int], None]) -> None:
        """`apply` sets the terminal's size."""
        self._apply = apply
        self._line: list[Viewer] = []

    def came(self, viewer: Viewer) -> None:
        """One more watches: it leads if nobody does."""
        if viewer.hears and not viewer.readonly:
            self._line.append(viewer)
        self._tell(viewer)

    def left(self, viewer: Viewer) -> None:
        """One watches no more."""
        if viewer not in self._line:
            return
        led = self._leads(viewer)
        self._line.remove(viewer)
        if led and self._line:
            self._lead()

    def typed(self, viewer: Viewer) -> None:
        """Somebody typed: the terminal is that viewer's now."""
        if viewer not in self._line or self._leads(viewer):
            return
        before = self._line[0]
        self._line.remove(viewer)
        self._line.insert(0, viewer)
        self._tell(before)
        self._lead()

    def wants(self, viewer: Viewer, size: tuple[int, int]) -> None:
        """A viewer that may type has this size: it holds at once, or when it leads."""
        viewer.size = size
        if viewer not in self._line:
            self._line.append(viewer)
        if self._leads(viewer):
            self._apply(*size)

    def _leads(self, viewer: Viewer) -> bool:
        return self._line[:1] == [viewer]

    def _lead(self) -> None:
        first = self._line[0]
        self._tell(first)
        if first.size is not None:
            self._apply(*first.size)

    def _tell(self, viewer: Viewer) -> None:
        viewer.sink.control({"type": "leader", "you": self._leads(viewer)})
