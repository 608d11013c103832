"""Up to where terminals are read, and for how long a limit holds."""

from __future__ import annotations

from gestalt_ptyhost.limits import ALLOWANCE, NOTHING_KNOWN, SECONDS, Limits, Loss


def test_who_was_told_no_limit_is_held_by_none() -> None:
    limits = Limits()

    assert not limits.holds(1, 10**12)
    assert limits.deadline is None
    assert limits.expired(1e9) == []


def test_a_session_is_held_at_its_limit_and_others_are_not() -> None:
    limits = Limits()
    limits.set(1, 100, NOTHING_KNOWN, 10.0)

    assert not limits.holds(1, 99)
    assert limits.deadline is None, "nobody waits yet"
    assert limits.holds(1, 100)
    assert not limits.holds(2, 100)
    assert limits.deadline == 10.0 + SECONDS


def test_a_limit_that_nobody_renews_is_lifted() -> None:
    limits = Limits()
    limits.set(1, 100, NOTHING_KNOWN, 10.0)
    limits.holds(1, 100)

    assert limits.expired(10.0 + SECONDS - 0.001) == []
    assert limits.expired(10.0 + SECONDS) == [1]
    assert not limits.holds(1, 100)
    assert limits.deadline is None


def test_a_limit_told_again_begins_its_time_anew() -> None:
    limits = Limits()
    limits.set(1, 100, NOTHING_KNOWN, 10.0)
    limits.holds(1, 100)

    limits.set(1, 100, NOTHING_KNOWN, 13.0)

    assert limits.expired(10.0 + SECONDS) == []
    assert limits.deadline == 13.0 + SECONDS


def test_a_limit_moved_on_or_lifted_holds_nobody() -> None:
    limits = Limits()
    for session in (1, 2):
        limits.set(session, 100, NOTHING_KNOWN, 10.0)
        assert limits.holds(session, 100)

    limits.set(1, 200, NOTHING_KNOWN, 10.0)
    limits.lift(2)

    assert not limits.holds(1, 100)
    assert not limits.holds(2, 100)
    assert limits.deadline is None


def test_without_a_worker_a_session_has_its_allowance() -> None:
    limits = Limits()

    assert limits.lose(1, 1000, 10.0) == Loss(1000 + ALLOWANCE, None)

    assert not limits.holds(1, 999 + ALLOWANCE)
    assert limits.holds(1, 1000 + ALLOWANCE)


def test_or_as_much_as_the_worker_said_however_many_are_lost_in_a_row() -> None:
    limits = Limits()
    told = Loss(3000, viewers=2)
    limits.set(1, 2000, told, 10.0)

    assert limits.lose(1, 1000, 11.0) == told
    assert limits.lose(1, 2900, 12.0) == told

    assert limits.holds(1, 3000)


def test_what_a_worker_said_long_ago_holds_no_more() -> None:
    limits = Limits()
    limits.set(1, 2000, Loss(3000, viewers=2), 10.0)

    assert limits.lose(1, 5000, 10.0 + SECONDS) == Loss(5000 + ALLOWANCE, None)
