"""Reading the terminals: who may read, one turn of one terminal, what follows from it."""

import time
from typing import Final

from gestalt_ptyhost.limits import Limits, Loss
from gestalt_ptyhost.session import Session
from gestalt_ptyhost.sessions import Sessions
from gestalt_ptyhost.terminal import Terminal
from gestalt_ptyhost.turns import Turns
from gestalt_ptyhost.worker import Worker

TOLD_EVERY: Final = 2_000
"""Microseconds between two words about one flood: a worker that is woken at every turn takes cores from the program."""


class Reading:
    """Moves what programs write into their journals and tells the worker, if there is one."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._turns: Turns[Session] = Turns()
        self._limits = Limits()
        self._worker: Worker | None = None

    def __bool__(self) -> bool:
        """Whether anybody stands in the ready queue."""
        return bool(self._turns)

    @property
    def deadline(self) -> float | None:
        """When the first of the sessions that wait is let go on, in monotonic seconds."""
        return self._limits.deadline

    def ready(self, session: Session) -> None:
        """The session's terminal may have something to read."""
        self._turns.ready(session)

    def limit(self, session: Session, offset: int, loss: Loss) -> None:
        """Read the session's terminal up to `offset`; the worker knows by the next PONG how far it came."""
        self._limits.set(session.number, offset, loss, time.monotonic())
        if self._limits.holds(session.number, session.journal.end):
            self._tell_untold(session)
        else:
            self._turns.ready(session)

    def lift_limit(self, session: Session) -> None:
        """Read the session's terminal on and on."""
        self._limits.lift(session.number)
        self._turns.ready(session)

    def worker_came(self, worker: Worker) -> None:
        """Tell this worker from now on; the limits stand until it says something about a session, or run out."""
        self._worker = worker

    def worker_lost(self) -> None:
        """Nobody listens: each session may write so much that viewers find every byte when they are back."""
        self._worker = None
        now = time.monotonic()
        for session in self._sessions:
            session.loss = self._limits.lose(session.number, session.journal.end, now)
            self._turns.ready(session)

    def let_go(self) -> None:
        """Let sessions go on that have waited long enough."""
        for number in self._limits.expired(time.monotonic()):
            if session := self._sessions.get(number):
                self._turns.ready(session)

    def round(self) -> list[Session]:
        """Whose turn it is before the loop looks again."""
        return self._turns.round()

    def turn(self, session: Session) -> None:
        """Read one session's terminal once."""
        terminal = session.terminal
        if terminal is None or self._limits.holds(session.number, session.journal.end):
            self._tell_untold(session)
            return
        moved, drained = terminal.fill(awaits=session.flooding and not self._turns)
        if moved:
            self._record(session, terminal, moved, drained=drained)
        elif drained:
            self._tell_untold(session)
        if session.over_after(moved, drained=drained):
            self._finish(session)
        elif not drained:
            self._turns.ready(session)

    def worker_has_room(self) -> None:
        """The worker has heard more: programs that ended may wait for that."""
        for session in self._sessions:
            if session.ended:
                self._turns.ready(session)

    def _record(self, session: Session, terminal: Terminal, moved: int, *, drained: bool) -> None:
        """What is in the pipe goes into the journal before anyone is told."""
        start, now = session.journal.end, time.time_ns() // 1000
        lost = session.journal.take(terminal.pipe_r, moved)
        recently = 0 <= now - session.told_at < TOLD_EVERY
        if self._worker and (lost or drained or not session.flooding or not recently):
            session.told_at, session.untold = now, False
            self._worker.tell_bytes(session, start, lost)
        else:
            session.untold = True
        session.journal.stamp(now, start)
        self._turns.took(session, moved)

    def _tell_untold(self, session: Session) -> None:
        """A flood has paused: tell how far it came."""
        if session.untold and self._worker:
            session.untold = False
            self._worker.tell(session)

    def _finish(self, session: Session) -> None:
        if self._worker and session.ledger.unborn:
            return  # its descriptors are to be told first
        self._sessions.finish(session)
        self._limits.lift(session.number)
        if self._worker:
            self._worker.tell(session)
