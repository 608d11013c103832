"""The supervisor: events in, commands out. `stack.runner` carries the commands out; the tests are conversations.

Start: stage by stage, a stage when all before it serve. Then every unit is kept running.
Stop: stage by stage in the other order. A unit that cannot be started while nothing has been served yet ends it all,
because then the user is there to read why; later nothing does.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from enum import Enum, auto

from gestalt_cli.supervision.place import Place, State
from gestalt_cli.supervision.words import (
    AllReady,
    Begin,
    Command,
    Event,
    Exited,
    GaveUp,
    Hurry,
    Lost,
    Ready,
    Start,
    Stop,
    Tick,
    Unit,
)

START_ATTEMPTS = 3
"""How often a unit may end before it ever served, until `up` gives up: one crash is an accident, three are a reason."""


class Phase(Enum):
    """What the whole is doing."""

    STARTING = auto()
    RUNNING = auto()
    STOPPING = auto()


class Supervisor:
    """Keeps `units` running from Begin to Stop. Every call says what time it is."""

    def __init__(self, units: Sequence[Unit]) -> None:
        self._places = [Place(unit) for unit in units]
        self._numbers = itertools.count(1)
        self._phase = Phase.STARTING
        self._stage = min(unit.kind.start_stage for unit in units)
        self.failed = False

    @property
    def finished(self) -> bool:
        """Everything has ended, as was asked."""
        return self._phase is Phase.STOPPING and all(p.state is State.ENDED for p in self._places)

    @property
    def deadline(self) -> float | None:
        """The moment of the next Tick."""
        return min((place.due for place in self._places if place.due is not None), default=None)

    def handle(self, event: Event, now: float) -> list[Command]:
        """What is to be done about `event`."""
        return list(self._react(event, now)) + list(self._go_on(now))

    def _react(self, event: Event, now: float) -> Iterator[Command]:
        match event:
            case Begin():
                yield from self._fill(self._stage, now)
            case Ready(process=process):
                yield from self._ready(process, now)
            case Exited(process=process, code=code):
                yield from self._exited(process, code, now)
            case Tick():
                yield from self._overdue(now)
            case Stop():
                self._begin_to_stop(now)
            case Hurry():
                self._begin_to_stop(now)
                for place in self._places:
                    yield from place.kill()

    def _go_on(self, now: float) -> Iterator[Command]:
        if self._phase is Phase.STARTING:
            yield from self._next_start_stage(now)
        if self._phase is Phase.STOPPING:
            yield from self._next_stop_stage(now)

    # -- starting

    def _fill(self, stage: int, now: float) -> Iterator[Command]:
        for place in self._places:
            if place.unit.kind.start_stage == stage and place.state is State.HELD:
                yield self._start(place, now)

    def _start(self, place: Place, now: float) -> Command:
        process = next(self._numbers)
        place.filled(process, now)
        return Start(process, place.unit)

    def _next_start_stage(self, now: float) -> Iterator[Command]:
        while all(p.settled for p in self._places if p.unit.kind.start_stage <= self._stage):
            later = [p.unit.kind.start_stage for p in self._places if p.unit.kind.start_stage > self._stage]
            if not later:
                self._phase = Phase.RUNNING
                yield AllReady()
                return
            self._stage = min(later)
            yield from self._fill(self._stage, now)

    # -- running

    def _ready(self, process: int, now: float) -> Iterator[Command]:
        for place in self._places:
            if place.process == process:
                yield from place.ready(now)

    def _exited(self, process: int, code: int, now: float) -> Iterator[Command]:
        for place in self._places:
            if place.process == process:
                yield from self._place_exited(place, code, now)

    def _place_exited(self, place: Place, code: int, now: float) -> Iterator[Command]:
        notices = place.exited(code, now)
        if self._phase is Phase.STOPPING:
            place.stop(now)  # it ended before its turn to be stopped: nothing to tell, nothing to start again
            return
        for notice in notices:
            yield notice
            yield from self._give_up(place, notice, now)

    def _give_up(self, place: Place, notice: Command, now: float) -> Iterator[Command]:
        hopeless = self._phase is Phase.STARTING and place.early_ends >= START_ATTEMPTS
        if hopeless and isinstance(notice, Lost):
            self.failed = True
            yield GaveUp(place.unit, notice.code)
            self._begin_to_stop(now)

    def _overdue(self, now: float) -> Iterator[Command]:
        for place in self._places:
            if place.due is not None and place.due <= now:
                if place.state is State.WAITING:
                    yield self._start(place, now)
                else:
                    yield from place.kill()

    # -- stopping

    def _begin_to_stop(self, now: float) -> None:
        if self._phase is Phase.STOPPING:
            return
        self._phase = Phase.STOPPING
        for place in self._places:
            if place.process is None:
                place.stop(now)

    def _next_stop_stage(self, now: float) -> Iterator[Command]:
        running = [p for p in self._places if p.state is not State.ENDED]
        stage = min((p.unit.kind.stop_stage for p in running), default=None)
        for place in running:
            if place.unit.kind.stop_stage == stage and place.state is not State.STOPPING:
                yield from place.stop(now)
