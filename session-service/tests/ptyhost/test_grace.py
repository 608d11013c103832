"""How far programs run ahead while no worker is there."""

from __future__ import annotations

from gestalt_ptyhost.grace import ALLOWANCE, SECONDS, Grace


def test_nobody_is_held_while_a_worker_is_there() -> None:
    grace = Grace()

    grace.wrote(1, 10 * ALLOWANCE)

    assert not grace.holds(1)
    assert not grace.over(1e9)


def test_a_session_is_held_once_its_allowance_is_written_and_others_are_not() -> None:
    grace = Grace()
    grace.begin(100.0)

    grace.wrote(1, ALLOWANCE - 1)
    assert not grace.holds(1)
    grace.wrote(1, 1)

    assert grace.holds(1)
    assert not grace.holds(2)


def test_it_is_over_after_its_seconds_and_nobody_is_held() -> None:
    grace = Grace()
    grace.begin(100.0)
    grace.wrote(1, ALLOWANCE)
    assert not grace.over(100.0 + SECONDS - 0.001)
    assert grace.over(100.0 + SECONDS)

    grace.end()

    assert not grace.holds(1)
    assert not grace.over(1e9)


def test_each_loss_of_a_worker_begins_a_new_one() -> None:
    grace = Grace()
    grace.begin(100.0)
    grace.wrote(1, ALLOWANCE)

    grace.begin(103.0)

    assert not grace.holds(1)
    assert grace.until == 103.0 + SECONDS
