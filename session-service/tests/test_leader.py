"""Whose size a terminal has."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gestalt_session.terminal.leader import Leader
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


class Person:
    """A viewer and what it was told."""

    def __init__(self, *, readonly: bool = False, hears: bool = True) -> None:
        self._socket = Socket()
        self.viewer = Viewer(self._socket, 0, readonly=readonly, now=0.0, hears=hears)

    @property
    def told(self) -> list[bool]:
        return self._socket.told


@pytest.fixture
def sizes() -> Sizes:
    return []


@pytest.fixture
def leader(sizes: Sizes) -> Leader:
    return Leader(lambda cols, rows: sizes.append((cols, rows)))


def test_who_only_reads_never_leads(leader: Leader, sizes: Sizes) -> None:
    reader = Person(readonly=True)
    leader.came(reader.viewer)
    leader.typed(reader.viewer)
    leader.left(reader.viewer)

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

    leader.left(people[1].viewer)
    leader.left(people[2].viewer)
    leader.left(people[0].viewer)

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


def test_who_has_no_size_leads_and_changes_none(leader: Leader, sizes: Sizes) -> None:
    first, second = Person(), Person()
    leader.came(first.viewer)
    leader.wants(first.viewer, (100, 40))
    leader.came(second.viewer)
    leader.typed(second.viewer)

    assert (sizes, second.told) == ([(100, 40)], [False, True])


DEEDS = st.lists(st.tuples(st.sampled_from(["came", "left", "typed", "wants"]), st.integers(0, 4)), max_size=40)


@given(DEEDS)
def test_whatever_happens_one_leads_and_each_knows_whether_it_does(deeds: list[tuple[str, int]]) -> None:
    sizes: Sizes = []
    leader = Leader(lambda cols, rows: sizes.append((cols, rows)))
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
                leader.left(viewer)
            case "typed":
                leader.typed(viewer)
            case _ if not viewer.readonly:
                leader.wants(viewer, (number + 1, 24))
        leading = [other for other in sorted(here) if people[other].told[-1]]
        assert len(leading) == (1 if here - {4} else 0)
        if leading and people[leading[0]].viewer.size and deed != "came":
            assert sizes[-1] == people[leading[0]].viewer.size
