"""Conversations with the supervisor: `play >> event`, `play << commands`, by a clock that is turned by hand."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from typing import Self

from gestalt_cli.supervision.supervisor import Supervisor
from gestalt_cli.supervision.words import (
    AllReady,
    Back,
    Begin,
    Command,
    Drained,
    Event,
    Exited,
    GaveUp,
    Hurry,
    Kind,
    Lost,
    Ready,
    Signal,
    Start,
    Stop,
    Tick,
    Unit,
)

REDIS = Kind(name="redis", start_stage=0, stop_stage=2, patience=60, grace=1)
GATEWAY = Kind(name="gateway", start_stage=1, stop_stage=0, patience=20, grace=2)
SESSION = Kind(name="session", start_stage=1, stop_stage=1, patience=20, grace=2)
PLAIN = Kind(name="plain", start_stage=0, stop_stage=0, patience=20, grace=2)

KILLED = -signal.SIGKILL
TERM, KILL = signal.SIGTERM, signal.SIGKILL
redis, gateway, worker = Unit("redis", REDIS), Unit("gateway", GATEWAY), Unit("session-1", SESSION)
draining, plain = Unit("session-2", SESSION, draining=True), Unit("plain", PLAIN)


class Playbook:
    """One conversation. What the supervisor asked for must be matched by `<<` before it is told the next event."""

    def __init__(self, *units: Unit) -> None:
        self.supervisor = Supervisor(units)
        self.now = 100.0
        self._unread: list[Command] = []

    def after(self, seconds: float) -> Self:
        """Turn the clock."""
        self.now += seconds
        return self

    def __rshift__(self, event: Event) -> Self:
        assert not self._unread, f"asked for and not expected: {self._unread}"
        self._unread = self.supervisor.handle(event, self.now)
        return self

    def __lshift__(self, expected: Command | Sequence[Command]) -> Self:
        wanted = list(expected) if isinstance(expected, Sequence) else [expected]
        assert self._unread == wanted
        self._unread = []
        return self

    @property
    def waits(self) -> float | None:
        """Seconds until the supervisor wants a Tick."""
        deadline = self.supervisor.deadline
        return None if deadline is None else round(deadline - self.now, 3)


def running(*units: Unit) -> Playbook:
    """Everything serves; processes are numbered in the order of `units`."""
    play = Playbook(*units)
    play >> Begin()
    for number in range(1, len(units) + 1):
        play._unread = []
        play >> Ready(number, "")
    play._unread = []
    return play


def test_nothing_starts_before_what_it_needs_serves() -> None:
    play = Playbook(redis, gateway, worker)
    play >> Begin() << Start(1, redis)
    play >> Ready(1, "unix://") << [Start(2, gateway), Start(3, worker)]
    play >> Ready(3, "http://w") << []
    play >> Ready(2, "http://g") << AllReady()
    assert play.waits is None


def test_a_service_that_never_starts_ends_it_all_at_the_third_try() -> None:
    play = Playbook(redis, gateway)
    play >> Begin() << Start(1, redis)
    play >> Ready(1, "") << Start(2, gateway)
    play >> Exited(2, 1) << Lost(gateway, 1, 0.1)
    play.after(0.1) >> Tick() << Start(3, gateway)
    play >> Exited(3, 1) << Lost(gateway, 1, 0.2)
    play.after(0.2) >> Tick() << Start(4, gateway)
    play >> Exited(4, 1) << [Lost(gateway, 1, 0.4), GaveUp(gateway, 1), Signal(1, TERM)]
    play >> Exited(1, 0) << []
    assert play.supervisor.finished
    assert play.supervisor.failed


def test_a_proven_process_is_replaced_after_a_tenth_of_a_second_each_time() -> None:
    play = running(worker)
    for process in range(1, 4):
        play.after(1.0) >> Exited(process, KILLED) << Lost(worker, KILLED, 0.1)
        assert play.waits == 0.1
        play.after(0.1) >> Tick() << Start(process + 1, worker)
        play >> Ready(process + 1, "") << Back(worker)


def test_the_delay_doubles_up_to_five_seconds_while_it_ends_before_it_is_proven() -> None:
    play = running(plain)
    delays, process = [], 1
    for _ in range(8):
        play.after(0.9) >> Exited(process, 1)
        delays.append(play.waits)
        play._unread = []
        process += 1
        play.after(play.waits or 0) >> Tick() << Start(process, plain)
        play >> Ready(process, "") << Back(plain)
    assert delays == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    assert not play.supervisor.failed


def test_one_good_second_forgets_the_failures_before_it() -> None:
    play = running(plain)
    play.after(0.1) >> Exited(1, 1) << Lost(plain, 1, 0.1)
    play.after(0.1) >> Tick() << Start(2, plain)
    play >> Exited(2, 1) << Lost(plain, 1, 0.2)
    play.after(0.2) >> Tick() << Start(3, plain)
    play >> Ready(3, "") << Back(plain)
    play.after(1.0) >> Exited(3, 1) << Lost(plain, 1, 0.1)


def test_a_draining_worker_ends_for_good_when_it_is_empty() -> None:
    play = running(worker, draining)
    play.after(2) >> Exited(2, KILLED) << Lost(draining, KILLED, 0.1)
    play.after(0.1) >> Tick() << Start(3, draining)
    play >> Exited(3, 0) << Drained(draining)
    assert play.waits is None


def test_a_draining_worker_without_terminals_does_not_hold_up_the_start() -> None:
    play = Playbook(worker, draining)
    play >> Begin() << [Start(1, worker), Start(2, draining)]
    play >> Exited(2, 0) << Drained(draining)
    play >> Ready(1, "") << AllReady()


def test_what_does_not_get_ready_within_its_patience_is_killed_and_tried_again() -> None:
    play = Playbook(plain)
    play >> Begin() << Start(1, plain)
    assert play.waits == 20
    play.after(20) >> Tick() << Signal(1, KILL)
    assert play.waits is None
    play >> Exited(1, KILLED) << Lost(plain, KILLED, 0.1)


def test_stopping_goes_gateway_workers_redis_each_after_the_one_before_has_ended() -> None:
    play = running(redis, gateway, worker)
    play >> Stop() << Signal(2, TERM)
    play >> Exited(2, 0) << Signal(3, TERM)
    play >> Exited(3, 0) << Signal(1, TERM)
    assert not play.supervisor.finished
    play >> Exited(1, 0) << []
    assert play.supervisor.finished
    assert not play.supervisor.failed


def test_what_ignores_sigterm_is_killed_when_its_grace_is_over() -> None:
    play = running(plain)
    play >> Stop() << Signal(1, TERM)
    assert play.waits == 2
    play.after(2) >> Tick() << Signal(1, KILL)
    play >> Exited(1, KILLED) << []
    assert play.supervisor.finished


def test_what_dies_before_its_turn_to_stop_is_not_started_again() -> None:
    play = running(redis, plain)
    play >> Stop() << Signal(2, TERM)
    play >> Exited(1, KILLED) << []
    play >> Exited(2, 0) << []
    assert play.supervisor.finished


def test_a_unit_that_waits_for_its_restart_is_not_started_by_a_stop() -> None:
    play = running(plain)
    play >> Exited(1, 1) << Lost(plain, 1, 0.1)
    play >> Stop() << []
    assert play.supervisor.finished
    assert play.waits is None


def test_stopping_during_the_start_ends_what_has_been_started() -> None:
    play = Playbook(redis, gateway)
    play >> Begin() << Start(1, redis)
    play >> Stop() << Signal(1, TERM)
    play >> Ready(1, "") << []
    play >> Exited(1, 0) << []
    assert play.supervisor.finished


def test_a_second_wish_to_stop_kills_everything_at_once() -> None:
    play = running(redis, plain)
    play >> Stop() << Signal(2, TERM)
    play >> Hurry() << [Signal(1, KILL), Signal(2, KILL)]
    play >> Exited(1, KILLED) << []
    play >> Exited(2, KILLED) << []
    assert play.supervisor.finished


def test_words_about_a_process_that_is_no_more_change_nothing() -> None:
    play = running(plain)
    play >> Ready(77, "") << []
    play >> Exited(77, 0) << []
    play >> Ready(1, "") << []
