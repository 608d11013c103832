"""Whatever happens to the processes, in whatever order: never two for one unit, and a stop always comes to its end."""

from __future__ import annotations

import signal

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gestalt_cli.supervision.supervisor import Supervisor
from gestalt_cli.supervision.words import (
    AllReady,
    Begin,
    Command,
    Event,
    Exited,
    Hurry,
    Kind,
    Ready,
    Signal,
    Start,
    Stop,
    Tick,
    Unit,
)

SESSION = Kind(name="session", start_stage=1, stop_stage=0, patience=20, grace=2)
REDIS = Kind(name="redis", start_stage=0, stop_stage=1, patience=60, grace=1)
UNITS = [Unit("redis", REDIS), Unit("s1", SESSION), Unit("s2", SESSION), Unit("s3", SESSION, draining=True)]


class World(RuleBasedStateMachine):
    """The operating system's side: which processes live, who they are, and who was signalled."""

    def __init__(self) -> None:
        super().__init__()
        self.supervisor = Supervisor(UNITS)
        self.now = 0.0
        self.living: dict[int, str] = {}
        self.ever: set[int] = set()
        self.stopping = False

    @initialize()
    def begin(self) -> None:
        self.tell(Begin())

    @precondition(lambda self: self.living)
    @rule(data=st.data())
    def a_process_serves(self, data: st.DataObject) -> None:
        self.tell(Ready(data.draw(st.sampled_from(sorted(self.living))), ""))

    @precondition(lambda self: self.living)
    @rule(data=st.data(), code=st.sampled_from([0, 1, -9]), later=st.sampled_from([0.0, 0.5, 1.5]))
    def a_process_ends(self, data: st.DataObject, code: int, later: float) -> None:
        self.now += later
        process = data.draw(st.sampled_from(sorted(self.living)))
        del self.living[process]
        self.tell(Exited(process, code))

    @precondition(lambda self: self.supervisor.deadline is not None)
    @rule()
    def time_passes(self) -> None:
        self.now = max(self.now, self.supervisor.deadline or 0)
        before = self.supervisor.deadline
        asked = self.tell(Tick())
        assert asked or self.supervisor.deadline != before, "a tick that changes nothing would come for ever"

    @rule(event=st.sampled_from([Stop(), Hurry()]))
    def somebody_stops_it(self, event: Event) -> None:
        self.stopping = True
        self.tell(event)

    @invariant()
    def a_stop_comes_to_its_end(self) -> None:
        if self.stopping or self.supervisor.failed:
            assert self.supervisor.finished == (not self.living)

    def teardown(self) -> None:
        self.stopping = True
        self.tell(Stop())
        while self.living:
            self.now += 10
            self.tell(Tick())
            for process in [number for number, name in self.living.items() if name.endswith("!")]:
                del self.living[process]
                self.tell(Exited(process, -signal.SIGKILL))
        assert self.supervisor.finished

    def tell(self, event: Event) -> list[Command]:
        asked = self.supervisor.handle(event, self.now)
        for command in asked:
            self.obey(command)
        return asked

    def obey(self, command: Command) -> None:
        match command:
            case Start(process=process, unit=unit):
                assert process not in self.ever
                self.now_fills(process, unit)
            case Signal(process=process):
                assert process in self.living
                self.living[process] += "!"
            case AllReady():
                assert not self.stopping

    def now_fills(self, process: int, unit: Unit) -> None:
        assert not self.stopping
        assert unit.name not in {name.rstrip("!") for name in self.living.values()}, "two processes for one unit"
        self.ever.add(process)
        self.living[process] = unit.name


TestWorld = World.TestCase
