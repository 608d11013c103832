from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gestalt_flow.pacing import Throttle, Waiting, cooled, debounced, ended, is_absent, seen, throttled
from gestalt_flow.schedules import BadSchedule, schedule_of

times = st.lists(st.integers(0, 2_000), max_size=40).map(sorted)


@given(times, st.integers(1, 5), st.integers(1, 500))
def test_no_window_ever_holds_more_than_the_throttle_allows(moments: list[int], limit: int, per: int) -> None:
    taken: tuple[int, ...] = ()
    allowed = []
    for moment in moments:
        fires, taken = throttled(taken, moment, Throttle(limit, per))
        allowed += [moment] * fires
    for first in allowed:
        assert sum(first <= moment < first + per for moment in allowed) <= limit
    assert bool(allowed) == bool(moments)


@given(times, st.integers(1, 500))
def test_runs_are_a_cooldown_apart(moments: list[int], pause: int) -> None:
    last, allowed = None, []
    for moment in moments:
        fires, last = cooled(last, moment, pause)
        allowed += [moment] * fires
    assert all(later - earlier >= pause for earlier, later in pairwise(allowed))


@given(st.permutations(range(8)))
def test_a_debounce_waits_for_the_latest_in_whatever_order_events_come(order: list[int]) -> None:
    waiting = None
    for number in order:
        waiting = debounced(waiting, f"e{number}", number * 10, 100)
    assert waiting == Waiting(170, 70, "e7")


def test_a_late_event_is_no_absence() -> None:
    waiting = seen(None, "idle", 1_000, 500)
    assert not is_absent(waiting, 1_499, None, 0)
    assert not is_absent(waiting, 1_600, oldest_unseen=1_400, lateness=0)
    assert is_absent(waiting, 1_600, oldest_unseen=1_550, lateness=0)
    assert ended(waiting, 1_200) is None
    assert ended(waiting, 900) == waiting


@pytest.mark.parametrize(
    "given_schedule",
    [
        {},
        {"cron": "* * * * *", "every": "5s"},
        {"cron": "61 * * * *"},
        {"cron": "* * * *"},
        {"cron": "0 0 30 2 *"},
        {"every": "0.1s"},
        {"every": "soon"},
        {"cron": "* * * * *", "timezone": "Mars/Base"},
        {"cron": "* * * * *", "timezone": "../../etc/passwd"},
        {"every": "5s", "misfire": "never"},
        {"every": "5s", "what": "x"},
    ],
)
def test_what_is_no_schedule_is_refused(given_schedule: dict[str, str]) -> None:
    with pytest.raises(BadSchedule):
        schedule_of(given_schedule)


def test_times_follow_one_another_in_their_zone() -> None:
    moment = int(datetime(2026, 3, 28, 12, tzinfo=UTC).timestamp() * 1000)
    daily = schedule_of({"cron": "30 9 * * *", "timezone": "Europe/Rome"})
    first = daily.following(moment)
    assert datetime.fromtimestamp(first / 1000, UTC) == datetime(2026, 3, 29, 7, 30, tzinfo=UTC)  # summer time began
    assert schedule_of({"every": "15m"}).following(moment + 1) == moment + 900_000
    assert daily.fires(first, first + 3_600_000)
    assert not schedule_of({"every": "5s", "misfire": "skip"}).fires(0, 61_000)
