"""The ready queue: who reads next."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from gestalt_ptyhost.turns import FLOOD, Turns


@dataclass(eq=False)
class Terminal:
    name: str
    waiting: int = 0
    queued: bool = False
    flooding: bool = False
    read: int = 0


def names(terminals: list[Terminal]) -> str:
    return "".join(terminal.name for terminal in terminals)


def test_nobody_is_ready_at_first() -> None:
    assert not Turns()


def test_a_terminal_stands_in_the_queue_once() -> None:
    turns, terminal = Turns[Terminal](), Terminal("a")

    turns.ready(terminal)
    turns.ready(terminal)

    assert names(turns.round()) == "a"
    assert not turns


def test_quiet_terminals_all_come_before_one_flooding() -> None:
    turns = Turns[Terminal]()
    for terminal in (Terminal("X", flooding=True), Terminal("Y", flooding=True), Terminal("a"), Terminal("b")):
        turns.ready(terminal)

    assert names(turns.round()) == "abX"
    assert names(turns.round()) == "Y"


def test_a_terminal_is_judged_by_its_last_turn_that_found_something() -> None:
    terminal = Terminal("a")

    Turns.took(terminal, FLOOD)
    Turns.took(terminal, 0)
    assert terminal.flooding

    Turns.took(terminal, FLOOD - 1)
    assert not terminal.flooding


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 40_000)), max_size=60))
def test_everything_written_is_read_and_no_keystroke_waits_for_more_than_one_flooding_turn(
    writes: list[tuple[int, int]],
) -> None:
    turns, terminals = Turns[Terminal](), [Terminal(str(number)) for number in range(6)]
    for number, count in writes:
        terminals[number].waiting += count
        turns.ready(terminals[number])
        for flooding in _read(turns.round()):
            turns.ready(flooding)
    while turns:
        for unread in _read(turns.round()):
            turns.ready(unread)

    assert all(not terminal.waiting for terminal in terminals)
    assert sum(terminal.read for terminal in terminals) == sum(count for _, count in writes)


def _read(readers: list[Terminal]) -> list[Terminal]:
    assert sum(reader.flooding for reader in readers) <= 1
    assert not any(reader.flooding for reader in readers[:-1])
    for reader in readers:
        count = min(reader.waiting, 16_384)
        reader.waiting -= count
        reader.read += count
        Turns.took(reader, count)
    return [reader for reader in readers if reader.waiting]
