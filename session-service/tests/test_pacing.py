"""Who is spared, and for how long."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gestalt_session.terminal.pacing import (
    CUT_OFF_SECONDS,
    EARNEST_RATE,
    RETURN_SECONDS,
    CutOff,
    Lag,
    Meter,
    limit_of,
    must_wait,
    one_is_back,
    waits_for_cut_off,
)

CAPACITY = 64 * 1024 * 1024
MIB = 1024 * 1024


def test_nobody_waits_for_nobody() -> None:
    assert not must_wait(waiting=False, capacity=CAPACITY, viewers=[])


def test_nobody_waits_for_who_does_not_read() -> None:
    assert not must_wait(waiting=False, capacity=CAPACITY, viewers=[Lag(CAPACITY, 0.0)])


def test_nobody_waits_for_who_is_less_than_half_as_fast_as_the_fastest() -> None:
    viewers = [Lag(0, 50 * MIB), Lag(40 * MIB, 20 * MIB)]
    assert not must_wait(waiting=False, capacity=CAPACITY, viewers=viewers)


def test_nobody_loses_its_place_to_a_newcomer_whose_sockets_are_still_empty() -> None:
    old, new = Meter(0.0), Meter(10.0)
    for step in range(1, 101):
        old.took(3 * MIB, step / 10)
    new.took(6 * MIB, 10.005)
    lags = [Lag(40 * MIB, old.rate(10.01), old.proven(10.01)), Lag(0, new.rate(10.01), new.proven(10.01))]
    assert lags[1].rate > 10 * lags[0].rate
    assert must_wait(waiting=False, capacity=CAPACITY, viewers=lags)


def test_an_earnest_viewer_is_waited_for_from_three_eighths_of_the_journal_until_a_quarter() -> None:
    assert must_wait(waiting=False, capacity=CAPACITY, viewers=[Lag(25 * MIB, 10 * MIB)])
    assert must_wait(waiting=True, capacity=CAPACITY, viewers=[Lag(17 * MIB, 10 * MIB)])
    assert not must_wait(waiting=True, capacity=CAPACITY, viewers=[Lag(15 * MIB, 10 * MIB)])


def test_a_meter_knows_a_steady_rate_from_the_beginning() -> None:
    meter = Meter(0.0)
    for step in range(1, 101):
        meter.took(MIB, step / 10)
        assert 8 * MIB < meter.rate(step / 10) < 22 * MIB


def test_a_busy_viewer_that_stalls_for_a_second_is_in_earnest_and_one_that_stopped_is_not() -> None:
    meter = Meter(0.0)
    for step in range(1, 51):
        meter.took(3 * MIB, step / 10)
    assert meter.rate(6.0) > EARNEST_RATE
    assert meter.rate(15.0) < EARNEST_RATE


def test_one_burst_into_a_dead_sockets_buffers_is_soon_forgotten() -> None:
    meter = Meter(0.0)
    meter.took(6 * MIB, 0.05)
    assert meter.rate(4.0) < EARNEST_RATE


def test_who_was_cut_off_is_waited_for_once_enough_was_written_and_not_for_ever() -> None:
    gone = [CutOff(limit=100, until=CUT_OFF_SECONDS)]
    assert not waits_for_cut_off(99, gone, 0.0)
    assert waits_for_cut_off(100, gone, CUT_OFF_SECONDS - 0.1)
    assert not waits_for_cut_off(100, gone, CUT_OFF_SECONDS)


def test_who_was_cut_off_far_behind_is_waited_for_before_the_journal_drops_what_it_has_not_seen() -> None:
    assert limit_of(100 * MIB, 100 * MIB, CAPACITY) == 124 * MIB
    assert limit_of(100 * MIB, 70 * MIB, CAPACITY) == (70 - 8 + 60) * MIB
    assert limit_of(100 * MIB, 40 * MIB, CAPACITY) < 100 * MIB


def test_who_comes_back_is_not_waited_for_any_more_and_the_others_are() -> None:
    first, second = CutOff(limit=100, until=CUT_OFF_SECONDS), CutOff(limit=120, until=CUT_OFF_SECONDS + 1)
    assert one_is_back([first, second], 1.0) == [second]
    assert one_is_back([second], 1.0) == []


def test_viewers_that_nobody_counted_have_a_moment_left_once_one_is_back() -> None:
    assert one_is_back([CutOff(100, CUT_OFF_SECONDS, all=True)], 1.0) == [CutOff(100, 1.0 + RETURN_SECONDS, all=True)]
    assert one_is_back([CutOff(100, 1.2, all=True)], 1.0) == [CutOff(100, 1.2, all=True)]


LAGS = st.lists(st.builds(Lag, st.integers(0, CAPACITY), st.floats(0, 100 * MIB)), max_size=5)


@given(LAGS, st.integers(0, CAPACITY), st.floats(0, EARNEST_RATE, exclude_max=True))
def test_who_is_not_in_earnest_changes_nothing(viewers: list[Lag], lag: int, rate: float) -> None:
    for waiting in (False, True):
        alone = must_wait(waiting=waiting, capacity=CAPACITY, viewers=viewers)
        assert must_wait(waiting=waiting, capacity=CAPACITY, viewers=[*viewers, Lag(lag, rate)]) == alone


@given(LAGS)
def test_who_begins_to_wait_goes_on_waiting_and_who_caught_up_is_let_go(viewers: list[Lag]) -> None:
    begins = must_wait(waiting=False, capacity=CAPACITY, viewers=viewers)
    goes_on = must_wait(waiting=True, capacity=CAPACITY, viewers=viewers)
    assert goes_on or not begins, "no state flips to and fro on the same numbers"
    caught_up = [Lag(min(viewer.bytes, CAPACITY // 4), viewer.rate) for viewer in viewers]
    assert not must_wait(waiting=True, capacity=CAPACITY, viewers=caught_up)
