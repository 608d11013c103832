"""What may follow what in a session's life."""

from __future__ import annotations

from itertools import product

import pytest

from gestalt_session.terminal.states import TABLE, Happening, Status, after


@pytest.mark.parametrize(("status", "happening"), [pair for pair in product(Status, Happening) if pair not in TABLE])
def test_what_is_not_in_the_table_cannot_happen(status: Status, happening: Happening) -> None:
    with pytest.raises(ValueError, match=f"{status} cannot have {happening}"):
        after(status, happening)


def test_nothing_leaves_closed() -> None:
    assert {to for (status, _), to in TABLE.items() if status is Status.CLOSED} == {Status.CLOSED}


def test_every_state_can_be_left_towards_closed() -> None:
    reached, grown = {Status.CLOSED}, True
    while grown:
        more = {status for (status, _), to in TABLE.items() if to in reached} - reached
        reached, grown = reached | more, bool(more)
    assert reached == set(Status)
