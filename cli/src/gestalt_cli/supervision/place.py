"""One unit and the process that fills it.

state     what happens        next        what is asked for
HELD      its stage begins    STARTING    a process
STARTING  Ready               READY
STARTING  patience is over    STARTING    SIGKILL: it hangs
STARTING  Exited              WAITING
READY     Exited              WAITING     (ENDED: a draining unit that ended with 0)
WAITING   the delay is over   STARTING    a process
any       stop                STOPPING    SIGTERM (without a process: ENDED)
STOPPING  the grace is over   STOPPING    SIGKILL
STOPPING  Exited              ENDED
"""

from __future__ import annotations

import signal
from dataclasses import dataclass
from enum import StrEnum

from gestalt_cli.supervision import backoff
from gestalt_cli.supervision.words import Back, Drained, Lost, Notice, Signal, Unit


class State(StrEnum):
    """Where a unit stands; see the table above."""

    HELD = "held"
    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    STOPPING = "stopping"
    ENDED = "ended"


SETTLED = (State.READY, State.ENDED)


@dataclass(slots=True)
class Place:
    """A unit's state. `due`: the moment at which something is to happen without an event, if any."""

    unit: Unit
    state: State = State.HELD
    process: int | None = None
    due: float | None = None
    ready_at: float | None = None
    early_ends: int = 0
    lost: bool = False

    @property
    def settled(self) -> bool:
        """It serves, or need not."""
        return self.state in SETTLED

    def filled(self, process: int, now: float) -> None:
        """A process was started for it."""
        self.state, self.process, self.ready_at = State.STARTING, process, None
        self.due = now + self.unit.kind.patience

    def ready(self, now: float) -> list[Notice]:
        """Its process serves. Said twice, or while stopping, it changes nothing."""
        if self.state is not State.STARTING:
            return []
        self.state, self.due, self.ready_at = State.READY, None, now
        was_lost, self.lost = self.lost, False
        return [Back(self.unit)] if was_lost else []

    def exited(self, code: int, now: float) -> list[Notice]:
        """Its process has ended."""
        self.process, self.due = None, None
        if self.state is State.STOPPING:
            self.state = State.ENDED
            return []
        if self.unit.draining and code == 0:
            self.state = State.ENDED
            return [Drained(self.unit)]
        return [self._lost(code, now)]

    def _lost(self, code: int, now: float) -> Lost:
        self.early_ends = 0 if backoff.proven(self.ready_at, now) else self.early_ends + 1
        wait = backoff.delay(self.early_ends)
        self.state, self.due, self.lost = State.WAITING, now + wait, True
        return Lost(self.unit, code, wait)

    def stop(self, now: float) -> list[Signal]:
        """Ask its process to end."""
        if self.process is None:
            self.state, self.due = State.ENDED, None
            return []
        self.state, self.due = State.STOPPING, now + self.unit.kind.grace
        return [Signal(self.process, signal.SIGTERM)]

    def kill(self) -> list[Signal]:
        """End its process now: its patience or grace is over, or nobody wants to wait."""
        self.due = None
        return [] if self.process is None else [Signal(self.process, signal.SIGKILL)]
