"""Who is spared, and for how long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gestalt_session.terminal.pacing import (
    ADOPTED_BYTES,
    CUT_OFF_SECONDS,
    EARNEST_RATE,
    IN_SOCKETS,
    RETURN_SECONDS,
    CutOff,
    Limit,
    Meter,
    Reader,
    how_many,
    kept_for,
    kept_for_all,
    limit_for,
    nearest,
    one_is_back,
)

CAPACITY = 64 * 1024 * 1024
MIB = 1024 * 1024


def offset_for(viewers: list[Reader]) -> int | None:
    limit = limit_for(viewers, CAPACITY)
    return limit.offset if limit else None


def test_nobody_waits_for_nobody() -> None:
    assert limit_for([], CAPACITY) is None
    assert nearest([]) is None


def test_nobody_waits_for_who_does_not_read() -> None:
    assert limit_for([Reader(0, 0.0)], CAPACITY) is None


def test_nobody_waits_for_who_is_less_than_half_as_fast_as_the_fastest() -> None:
    viewers = [Reader(40 * MIB, 50 * MIB), Reader(0, 20 * MIB)]
    assert offset_for(viewers) == (40 + 24) * MIB


def test_nobody_loses_its_place_to_a_newcomer_whose_sockets_are_still_empty() -> None:
    old, new = Meter(0.0), Meter(10.0)
    for step in range(1, 101):
        old.took(3 * MIB, step / 10)
    new.took(6 * MIB, 10.005)
    viewers = [Reader(0, old.rate(10.01), old.proven(10.01)), Reader(40 * MIB, new.rate(10.01), new.proven(10.01))]
    assert viewers[1].rate > 10 * viewers[0].rate
    assert offset_for(viewers) == 24 * MIB


def test_a_program_may_write_three_eighths_of_the_journal_past_the_slowest_in_earnest() -> None:
    viewers = [Reader(30 * MIB, 10 * MIB), Reader(20 * MIB, 8 * MIB)]
    assert offset_for(viewers) == (20 + 24) * MIB


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


def test_what_is_written_while_somebody_is_away_leaves_what_it_has_not_seen() -> None:
    kept = kept_for(100 * MIB, CAPACITY)
    assert kept.offset - (100 * MIB - IN_SOCKETS) == CAPACITY - CAPACITY // 16
    assert kept_for_all(kept.lost).offset == kept.offset, "a worker that follows a dead one lets pass no more"
    assert kept.lost == kept.offset - ADOPTED_BYTES
    assert kept_for(0, MIB) == Limit(0, 0)


def test_a_worker_that_dies_has_said_how_far_the_program_may_go() -> None:
    limit = limit_for([Reader(100 * MIB, 10 * MIB)], CAPACITY)
    assert limit is not None
    assert limit.lost == kept_for(100 * MIB, CAPACITY).lost > limit.offset


def test_the_nearest_limit_spares_all() -> None:
    assert nearest([Limit(10, 40), Limit(20, 30)]) == Limit(10, 30)


def test_who_comes_back_is_not_waited_for_any_more_and_the_others_are() -> None:
    first, second = CutOff(Limit(100, 90), until=CUT_OFF_SECONDS), CutOff(Limit(120, 90), until=CUT_OFF_SECONDS + 1)
    assert one_is_back([first, second], 1.0) == [second]
    assert one_is_back([second], 1.0) == []


@pytest.mark.parametrize(("before", "after"), [(None, None), (3, 2)])
def test_the_others_of_a_dead_worker_have_a_moment_left_once_one_is_back(before: int | None, after: int | None) -> None:
    limit, later = Limit(100, 90), CutOff(Limit(120, 90), CUT_OFF_SECONDS)
    assert one_is_back([CutOff(limit, CUT_OFF_SECONDS, before), later], 1.0) == [
        CutOff(limit, 1.0 + RETURN_SECONDS, after),
        later,
    ]
    assert one_is_back([CutOff(limit, 1.2, before)], 1.0) == [CutOff(limit, 1.2, after)]


def test_how_many_are_missed_is_known_or_it_is_not() -> None:
    limit = Limit(100, 90)
    assert how_many([]) == 0
    assert how_many([CutOff(limit, 1.0, 3), CutOff(limit, 1.0)]) == 4
    assert how_many([CutOff(limit, 1.0, None), CutOff(limit, 1.0)]) is None


VIEWERS = st.lists(st.builds(Reader, st.integers(0, CAPACITY), st.floats(0, 100 * MIB)), max_size=5)


@given(VIEWERS, st.integers(0, CAPACITY), st.floats(0, EARNEST_RATE, exclude_max=True))
def test_who_is_not_in_earnest_changes_nothing(viewers: list[Reader], cursor: int, rate: float) -> None:
    assert limit_for([*viewers, Reader(cursor, rate)], CAPACITY) == limit_for(viewers, CAPACITY)


@given(VIEWERS)
def test_who_reads_on_never_takes_a_limit_back(viewers: list[Reader]) -> None:
    on = [Reader(viewer.cursor + MIB, viewer.rate) for viewer in viewers]
    before, after = offset_for(viewers), offset_for(on)
    assert after == (None if before is None else before + MIB)
