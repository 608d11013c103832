"""Up to where terminals are read, and for how long a limit holds."""

from __future__ import annotations

from gestalt_ptyhost.limits import SECONDS, Limits


def test_who_was_told_no_limit_is_held_by_none() -> None:
    limits = Limits()

    assert not limits.holds(1, 10**12)
    assert limits.deadline is None
    assert limits.expired(1e9) == []


def test_a_session_is_held_at_its_limit_and_others_are_not() -> None:
    limits = Limits()
    limits.set(1, 100, 10.0)

    assert not limits.holds(1, 99)
    assert limits.deadline is None, "nobody waits yet"
    assert limits.holds(1, 100)
    assert not limits.holds(2, 100)
    assert limits.deadline == 10.0 + SECONDS


def test_a_limit_that_nobody_renews_is_lifted() -> None:
    limits = Limits()
    limits.set(1, 100, 10.0)
    limits.holds(1, 100)

    assert limits.expired(10.0 + SECONDS - 0.001) == []
    assert limits.expired(10.0 + SECONDS) == [1]
    assert not limits.holds(1, 100)
    assert limits.deadline is None


def test_a_limit_told_again_begins_its_time_anew() -> None:
    limits = Limits()
    limits.set(1, 100, 10.0)
    limits.holds(1, 100)

    limits.set(1, 100, 13.0)

    assert limits.expired(10.0 + SECONDS) == []
    assert limits.deadline == 13.0 + SECONDS


def test_a_limit_moved_on_or_lifted_holds_nobody() -> None:
    limits = Limits()
    for session in (1, 2):
        limits.set(session, 100, 10.0)
        assert limits.holds(session, 100)

    limits.set(1, 200, 10.0)
    limits.lift(2)

    assert not limits.holds(1, 100)
    assert not limits.holds(2, 100)
    assert limits.deadline is None
