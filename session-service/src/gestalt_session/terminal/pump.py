"""One flooding session is served per turn of the loop, so that quiet ones and everything else come in between."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

import structlog

log = structlog.get_logger()


class Served(Protocol):
    """What the pump serves: a session."""

    queued: bool

    def serve(self) -> bool:
        """Do one bounded turn of work; whether more is left."""


class Pump:
    """The queue of sessions whose viewers have bytes to get."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._ready: deque[Served] = deque()
        self._scheduled = False

    def wake(self, session: Served) -> None:
        """Serve `session` in a turn of its own, soon. Waking twice is waking once."""
        if session.queued:
            return
        session.queued = True
        self._ready.append(session)
        self._schedule()

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._scheduled = False
        session = self._ready.popleft()
        session.queued = False
        try:
            if session.serve():
                session.queued = True
                self._ready.append(session)
        except Exception:
            log.exception("a session could not be served")  # the others go on; its next byte tries again
        if self._ready:
            self._schedule()
