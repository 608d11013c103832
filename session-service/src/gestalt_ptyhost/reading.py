"""Reading the terminals: who may read, one turn of one terminal, what follows from it."""

import time

from gestalt_ptyhost.grace import Grace
from gestalt_ptyhost.session import Session
from gestalt_ptyhost.sessions import Sessions
from gestalt_ptyhost.terminal import Terminal
from gestalt_ptyhost.turns import Turns
from gestalt_ptyhost.worker import Worker


class Reading:
    """Moves what programs write into their journals and tells the worker, if there is one."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._turns: Turns[Session] = Turns()
        self._grace = Grace()
        self._worker: Worker | None = None

    def __bool__(self) -> bool:
        """Whether anybody stands in the ready queue."""
        return bool(self._turns)

    @property
    def grace_until(self) -> float | None:
        """When sessions that ran ahead without a worker are let go on, in monotonic seconds."""
        return self._grace.until

    def ready(self, session: Session) -> None:
        """The session's terminal may have something to read."""
        self._turns.ready(session)

    def worker_came(self, worker: Worker) -> None:
        """Tell this worker from now on."""
        self._worker = worker
        self._grace.end()
        self._all_ready()

    def worker_lost(self) -> None:
        """Nobody listens. What the worker wanted paused, it wanted for its viewers: they are counted anew."""
        self._worker = None
        for session in self._sessions:
            session.paused = False
        self._grace.begin(time.monotonic())
        self._all_ready()

    def end_grace(self) -> None:
        """Let sessions go on that were held, once the grace is over."""
        if self._grace.over(time.monotonic()):
            self._grace.end()
            self._all_ready()

    def round(self) -> list[Session]:
        """Whose turn it is before the loop looks again."""
        return self._turns.round()

    def turn(self, session: Session) -> None:
        """Read one session's terminal once."""
        terminal = session.terminal
        if terminal is None or session.paused or self._grace.holds(session.number):
            return
        moved, drained = terminal.fill()
        if moved:
            self._record(session, terminal, moved)
        if session.over_after(moved, drained=drained):
            self._finish(session)
        elif not drained:
            self._turns.ready(session)

    def worker_has_room(self) -> None:
        """The worker has heard more: programs that ended may wait for that."""
        for session in self._sessions:
            if session.ended:
                self._turns.ready(session)

    def _record(self, session: Session, terminal: Terminal, moved: int) -> None:
        """What is in the pipe goes into the journal before anyone is told."""
        start = session.journal.end
        lost = session.journal.take(terminal.pipe_r, moved)
        if self._worker:
            self._worker.tell_bytes(session, start, lost)
        session.journal.stamp(time.time_ns() // 1000, start)
        self._turns.took(session, moved)
        self._grace.wrote(session.number, moved)

    def _finish(self, session: Session) -> None:
        if self._worker and session.ledger.unborn:
            return  # its descriptors are to be told first
        self._sessions.finish(session)
        if self._worker:
            self._worker.tell(session)

    def _all_ready(self) -> None:
        for session in self._sessions:
            self._turns.ready(session)
