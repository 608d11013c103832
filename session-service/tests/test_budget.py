"""Who gives way when all journals together are too large."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gestalt_session.terminal.budget import Holding, cuts


def test_within_the_budget_nobody_gives_way() -> None:
    assert cuts([Holding("a", 60, live=True), Holding("b", 40, live=False)], 100, 10) == {}


def test_nobody_goes_below_the_floor() -> None:
    assert cuts([Holding("a", 10, live=False), Holding("b", 5, live=True)], 0, 10) == {}


def test_the_ended_give_way_first_then_the_largest() -> None:
    holdings = [Holding("small", 20, live=True), Holding("large", 80, live=True), Holding("ended", 30, live=False)]
    assert cuts(holdings, 120, 10) == {"ended": 20}
    assert cuts(holdings, 100, 10) == {"ended": 10, "large": 70}


HOLDINGS = st.lists(st.tuples(st.integers(0, 1_000), st.booleans()), max_size=8)


@given(HOLDINGS, st.integers(0, 4_000), st.integers(0, 300))
def test_the_budget_holds_or_everybody_is_at_the_floor(sizes: list[tuple[int, bool]], budget: int, floor: int) -> None:
    holdings = [Holding(str(number), size, live=live) for number, (size, live) in enumerate(sizes)]
    after = {holding.uid: holding.bytes for holding in holdings} | (cut := cuts(holdings, budget, floor))
    assert all(floor <= after[holding.uid] < holding.bytes for holding in holdings if holding.uid in cut)
    assert sum(after.values()) <= budget or all(size <= floor for size in after.values())
    assert not cut or sum(after.values()) >= budget, "nobody gives way for nothing"
