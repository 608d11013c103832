"""Whose size a terminal has."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gestalt_session.terminal.leader import AWAY_SECONDS, Leader
from gestalt_session.terminal.viewer import Viewer

Sizes = list[tuple[int, int]]


class Socket:
    """Keeps who was told to lead."""

    def __init__(self) -> None:
        self.told: list[bool] = []
        self.writable = True

    def output(self, chunk: bytes) -> None:
        raise AssertionError(chunk)

    def control(self, message: dict[str, Any]) -> None:
        assert message["type"] == "leader"
        self.told.append(message["you"])

    def finish(self, code: int, reason: str) -> None:
        raise AssertionError(code, reason)


class Terminal:
    """Keeps its sizes."""

    def __init__(self) -> None:
        self.sizes: Sizes = []

    def apply(self, cols: int, rows: int) -> None:
        self.sizes.append((cols, rows))

    def size(self) -> tuple[int, int]:
        return self.sizes[-1] if self.sizes else (80, 24)


class Person:
    """A viewer and what it was told."""

    def __init__(self, *, readonly: bool = False, hears: bool = True) -> None:
        self._socket = Socket()
        self.viewer = Viewer(self._socket, 0, readonly=readonly, now=0.0, hears=hears)

    @property
    def told(self) -> list[bool]:
        return self._socket.told


@pytest.fixture
def terminal() -> Terminal:
    return Terminal()


@pytest.fixture
def sizes(terminal: Terminal) -> Sizes:
    return terminal.sizes


@pytest.fixture
def leader(terminal: Terminal) -> Leader:
    return Leader(terminal.apply, terminal.size)


def test_who_only_reads_never_leads(leader: Leader, sizes: Sizes) -> None:
    reader = Person(readonly=True)
    leader.came(reader.viewer)
    leader.typed(reader.viewer)
    leader.left(reader.viewer, 0.0, cut_off=False)

    assert (reader.told, sizes) == ([False], [])


def test_the_first_leads_and_the_sizes_of_others_wait_until_they_type(leader: Leader, sizes: Sizes) -> None:
    first, second = Person(), Person()
    for person, size in ((first, (100, 40)), (second, (50, 20))):
        leader.came(person.viewer)
        leader.wants(person.viewer, size)
    assert sizes == [(100, 40)]

    leader.typed(second.viewer)
    leader.typed(second.viewer)
    leader.wants(first.viewer, (101, 41))

    assert sizes == [(100, 40), (50, 20)]
    assert (first.told, second.told) == ([True, False], [False, True])


def test_when_a_leader_leaves_who_typed_before_it_leads(leader: Leader, sizes: Sizes) -> None:
    people = [Person() for _ in range(3)]
    for number, person in enumerate(people):
        leader.came(person.viewer)
        leader.wants(person.viewer, (100 + number, 40))
    leader.typed(people[2].viewer)
    leader.typed(people[1].viewer)
    sizes.clear()

    leader.left(people[1].viewer, 0.0, cut_off=False)
    leader.left(people[2].viewer, 0.0, cut_off=False)
    leader.left(people[0].viewer, 0.0, cut_off=False)

    assert sizes == [(102, 40), (100, 40)], "and a last one's leaving keeps the size"


def test_who_hears_nothing_keeps_nobody_from_a_size_until_it_has_one(leader: Leader, sizes: Sizes) -> None:
    program, person = Person(hears=False), Person()
    leader.came(program.viewer)
    leader.came(person.viewer)
    leader.typed(program.viewer)
    leader.wants(person.viewer, (100, 40))
    leader.wants(program.viewer, (50, 20))
    assert sizes == [(100, 40)]

    leader.typed(program.viewer)

    assert sizes == [(100, 40), (50, 20)]


def test_a_size_told_before_one_watches_holds_once_it_does(leader: Leader, sizes: Sizes) -> None:
    early, other = Person(), Person(hears=False)
    early.viewer.size, other.viewer.size = (100, 40), (50, 20)
    for person in (early, other):
        leader.came(person.viewer)
    leader.left(early.viewer, 0.0, cut_off=False)
    leader.left(other.viewer, 0.0, cut_off=False)

    assert (sizes[0], sizes[-1], early.told) == ((100, 40), (50, 20), [True])
    late = Person()
    leader.came(late.viewer)
    assert late.told == [True], "nobody who has gone stands in its way"


def test_who_has_no_size_leads_and_changes_none(leader: Leader, sizes: Sizes) -> None:
    first, second = Person(), Person()
    leader.came(first.viewer)
    leader.wants(first.viewer, (100, 40))
    leader.came(second.viewer)
    leader.typed(second.viewer)

    assert (sizes, second.told) == ([(100, 40)], [False, True])


def test_who_was_cut_off_is_known_by_its_size_and_leads_again(leader: Leader, sizes: Sizes) -> None:
    leading, other = Person(), Person()
    for person, size in ((leading, (100, 40)), (other, (50, 20))):
        leader.came(person.viewer)
        leader.wants(person.viewer, size)
    for person in (leading, other):
        leader.left(person.viewer, 10.0, cut_off=True)
    leading, other = Person(), Person()
    leader.came(other.viewer)
    leader.wants(other.viewer, (50, 20))
    leader.came(leading.viewer)
    leader.wants(leading.viewer, (100, 40))

    assert (other.told, leading.told) == ([False], [False, True])
    assert set(sizes) == {(100, 40)}


def test_one_that_does_not_come_back_is_followed_by_another(leader: Leader, sizes: Sizes) -> None:
    leading, other = Person(), Person()
    for person, size in ((leading, (100, 40)), (other, (50, 20))):
        leader.came(person.viewer)
        leader.wants(person.viewer, size)
    leader.left(leading.viewer, 10.0, cut_off=True)
    leader.settle(10.0 + AWAY_SECONDS - 0.1)
    assert other.told == [False]

    leader.settle(10.0 + AWAY_SECONDS)

    assert (other.told, sizes[-1]) == ([False, True], (50, 20))


def test_or_by_who_types_meanwhile(leader: Leader, sizes: Sizes) -> None:
    leader.keep(10.0)  # as after the death of a worker
    person = Person()
    leader.came(person.viewer)
    leader.wants(person.viewer, (50, 20))
    assert sizes == []

    leader.typed(person.viewer)
    leader.settle(100.0)

    assert (person.told, sizes) == ([False, True], [(50, 20)])


def test_the_first_who_comes_later_leads(leader: Leader) -> None:
    leader.keep(10.0)
    leader.settle(10.0 + AWAY_SECONDS)
    person = Person()
    leader.came(person.viewer)
    assert person.told == [True]


DEEDS = st.lists(st.tuples(st.sampled_from(["came", "left", "typed", "wants"]), st.integers(0, 4)), max_size=40)


@given(DEEDS)
def test_whatever_happens_one_leads_and_each_knows_whether_it_does(deeds: list[tuple[str, int]]) -> None:
    terminal = Terminal()
    leader = Leader(terminal.apply, terminal.size)
    people = [Person(readonly=number == 4) for number in range(5)]
    here: set[int] = set()
    for deed, number in deeds:
        viewer = people[number].viewer
        if (deed == "came") == (number in here):
            continue
        match deed:
            case "came":
                here.add(number)
                leader.came(viewer)
            case "left":
                here.discard(number)
                leader.left(viewer, 0.0, cut_off=False)
            case "typed":
                leader.typed(viewer)
            case _ if not viewer.readonly:
                leader.wants(viewer, (number + 1, 24))
        leading = [other for other in sorted(here) if people[other].told[-1]]
        assert len(leading) == (1 if here - {4} else 0)
        if leading and people[leading[0]].viewer.size and deed != "came":
            assert terminal.size() == people[leading[0]].viewer.size
