"""A viewer that is shown the screen as it is, at its begin and again whenever it is too far behind to catch up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from gestalt_session.screen.process import Screens, ScreenUnavailable
from gestalt_session.screen.wire import Shown
from gestalt_session.terminal.attaching import starting_point
from gestalt_session.terminal.session import Session
from gestalt_session.terminal.viewer import Viewer

LARGEST_SNAPSHOT = 256 * 1024
"""Bytes of a redraw, scrollback included as far as it fits."""

FALLBACK_TAIL = 64 * 1024
"""What a viewer gets where nobody knows the screen."""

RENEW_SECONDS = 1.0
"""How long a viewer that stays behind waits for the next one: in a flood the screen itself lags."""


class Snapshots:
    """The snapshots of one viewer."""

    def __init__(
        self,
        screens: Screens,
        session: Session,
        viewer: Viewer,
        *,
        ready: Callable[[int], None],
        without: Callable[[int], None],
    ) -> None:
        """`ready` tells the viewer the offset that it begins at, before a snapshot; `without`, where there is none."""
        self._screens = screens
        self._session = session
        self._viewer = viewer
        self._sink = viewer.sink
        self._ready = ready
        self._without = without
        self._renewed_at = time.monotonic()
        self._ended = False

    def begin(self) -> None:
        """Show the screen, then let the viewer follow."""
        self._ask().add_done_callback(self._begun)

    def end(self) -> None:
        """The viewer is gone."""
        self._ended = True

    def _ask(self) -> asyncio.Future[Shown]:
        self._viewer.waiting = True
        return self._screens.show(self._session.uid, self._session.journal.end, limit=LARGEST_SNAPSHOT)

    def _begun(self, future: asyncio.Future[Shown]) -> None:
        shown = _result(future)
        self._viewer.waiting = False
        if self._ended:
            return
        if shown is None:
            self._viewer.cursor = starting_point(self._session.journal, None, FALLBACK_TAIL)
            self._without(self._viewer.cursor)
            self._session.attach(self._viewer)
        else:
            self._ready(shown.cursor)
            self._session.attach(self._viewer)  # who leads follows `ready`; output comes in a later turn of the loop
            self._give(shown)
        self._viewer.renew = self._renew

    def _renew(self) -> None:
        if time.monotonic() - self._renewed_at >= RENEW_SECONDS:
            self._ask().add_done_callback(self._renewed)

    def _renewed(self, future: asyncio.Future[Shown]) -> None:
        shown = _result(future)
        self._renewed_at = time.monotonic()
        self._viewer.waiting = False
        if self._ended:
            return
        if shown is not None and shown.cursor > self._viewer.cursor:
            self._give(shown)
        self._session.writable_again(self._viewer)

    def _give(self, shown: Shown) -> None:
        self._viewer.jump(shown.cursor)
        size = {"cols": shown.cols, "rows": shown.rows}
        self._sink.control({"type": "snapshot", "cursor": shown.cursor, **size})
        self._sink.output(shown.redraw)
        now = {"cols": self._session.file.cols, "rows": self._session.file.rows}
        if now != size:
            self._sink.control({"type": "resize", **now})


def _result(future: asyncio.Future[Shown]) -> Shown | None:
    try:
        return future.result()
    except (ScreenUnavailable, asyncio.CancelledError):
        return None
