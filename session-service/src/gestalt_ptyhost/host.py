"""The loop: terminals, programs, the worker's connection and signals, on one epoll and one thread."""

import os
import select
import time
from typing import Final

from gestalt_ptyhost import __version__
from gestalt_ptyhost.commands import Commands, greet
from gestalt_ptyhost.listening import Listener
from gestalt_ptyhost.log import log_exception
from gestalt_ptyhost.reading import Reading
from gestalt_ptyhost.sessions import Sessions
from gestalt_ptyhost.spawn import OpenFiles
from gestalt_ptyhost.worker import Worker

START_SECONDS: Final = 30.0
"""How long a host waits for its first worker: the one that started it connects at once, if it lives."""
FAULT_SECONDS: Final = 0.05
"""A fault that comes again at once may cost neither a whole core nor the log's disk."""
_EVENTS: Final = 64
_MESSAGES: Final = 16
"""Messages of the worker taken in a row before terminals are looked at again."""


class Host:
    """Holds terminals until nobody needs it: no worker and no live terminal, or retiring and empty."""

    def __init__(self, listener: Listener, signals: int, limits: OpenFiles) -> None:
        """`signals` is readable after a SIGTERM; `limits` says how many descriptors may be open."""
        self._listener = listener
        self._signals = signals
        self._epoll = select.epoll()
        self._sessions = Sessions(self._epoll, limits)
        self._reading = Reading(self._sessions)
        self._commands = Commands(self._sessions, self._reading)
        self._worker: Worker | None = None
        self._waits_until: float | None = time.monotonic() + START_SECONDS
        self._terminated = False
        self._epoll.register(listener, select.EPOLLIN)
        self._epoll.register(signals, select.EPOLLIN)

    def run(self) -> None:
        """Serve until nobody needs it any more."""
        while not self._done():
            try:
                self._step()
            except Exception as error:  # noqa: BLE001 - programs must not die of a fault in one terminal's handling
                log_exception("a step of the pty host failed", error)
                select.select([], [], [], FAULT_SECONDS)
        self._listener.close()

    def _step(self) -> None:
        for fd, events in self._epoll.poll(self._timeout(), _EVENTS):
            self._handle(fd, events)
        if self._reading.deadline is not None:
            self._reading.let_go()
        for session in self._reading.round():
            self._reading.turn(session)
        if self._worker and self._worker.lost:
            self._drop_worker(self._worker)

    def _handle(self, fd: int, events: int) -> None:
        if session := self._sessions.reading(fd):
            self._reading.ready(session)
        elif session := self._sessions.ending(fd):
            self._sessions.program_ended(session)
            self._reading.ready(session)
        elif self._worker and fd == self._worker.fileno():
            self._hear(self._worker, events)
        elif fd == self._listener.fileno():
            self._accept()
        elif fd == self._signals:
            os.read(fd, _EVENTS)
            self._terminated = not self._sessions.alive

    def _hear(self, worker: Worker, events: int) -> None:
        if events & select.EPOLLOUT:
            worker.room()
            self._reading.worker_has_room()
        for _ in range(_MESSAGES):
            if worker.lost or (received := worker.receive()) is None:
                break
            self._commands.obey(worker, *received)

    def _accept(self) -> None:
        """A new connection replaces the old: a slot has one worker, and the newer one is it."""
        connection = self._listener.accept()
        if connection is None:
            return
        if self._worker:
            self._drop_worker(self._worker)
        self._waits_until = None
        fd = connection.fileno()
        self._epoll.register(fd, select.EPOLLIN)
        self._worker = worker = Worker(connection, lambda wanted: self._want_room(fd, wanted=wanted))
        greet(worker, self._sessions, version=__version__, pid=os.getpid(), retiring=self._commands.retiring)
        self._reading.worker_came(worker)

    def _want_room(self, fd: int, *, wanted: bool) -> None:
        self._epoll.modify(fd, select.EPOLLIN | select.EPOLLOUT if wanted else select.EPOLLIN)

    def _drop_worker(self, worker: Worker) -> None:
        worker.close()
        self._worker = None
        self._reading.worker_lost()

    def _timeout(self) -> float | None:
        """How long to wait for events, in seconds: not at all while someone has more to read."""
        if self._reading:
            return 0
        deadlines = [at for at in (self._reading.deadline, self._waits_until) if at is not None]
        return max(0.0, min(deadlines) - time.monotonic()) if deadlines else None

    def _done(self) -> bool:
        if self._terminated or (self._commands.retiring and not len(self._sessions)):
            return True
        if self._worker or self._sessions.alive:
            return False
        return self._waits_until is None or time.monotonic() >= self._waits_until
