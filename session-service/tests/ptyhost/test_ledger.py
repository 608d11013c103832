"""What a worker is owed: whatever it misses, it ends up knowing what is true."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gestalt_ptyhost.ledger import Ledger, Owed, State
from gestalt_ptyhost.wire import Kind


def heard(ledger: Ledger, state: State) -> list[Owed]:
    """Everything that is due, told."""
    messages = []
    while (owed := ledger.next(state)) is not None:
        ledger.told(owed, state)
        messages.append(owed)
    return messages


def test_the_greeting_comes_first_and_holds_the_whole_state() -> None:
    ledger = Ledger(Kind.SESSION)
    ledger.lost(5, 3, base=0)

    assert heard(ledger, State([0, 8], 20, over=True)) == [Owed(Kind.SESSION, 20)]


def test_many_ends_become_the_newest() -> None:
    ledger = Ledger(Kind.CREATED)
    heard(ledger, State([0], 0, over=False))

    assert heard(ledger, State([0], 5_000_000, over=False)) == [Owed(Kind.END, 5_000_000)]


def test_bytes_that_were_sent_are_not_owed_as_an_end() -> None:
    ledger = Ledger(Kind.CREATED)
    heard(ledger, State([0], 0, over=False))

    ledger.reached(7)

    assert ledger.next(State([0], 7, over=False)) is None


def test_segments_holes_the_end_and_the_exit_are_told_in_this_order() -> None:
    ledger = Ledger(Kind.CREATED)
    heard(ledger, State([0], 0, over=False))
    ledger.lost(8, 2, base=0)
    ledger.lost(10, 5, base=0)

    assert heard(ledger, State([0, 4, 15], 20, over=True)) == [
        Owed(Kind.SEGMENT, 4),
        Owed(Kind.SEGMENT, 15),
        Owed(Kind.HOLE, 8, 7),
        Owed(Kind.END, 20),
        Owed(Kind.EXIT, 20),
    ]


def test_a_base_that_moved_alone_is_told_with_the_newest_segment() -> None:
    ledger = Ledger(Kind.SESSION)
    heard(ledger, State([0, 4, 8], 9, over=False))

    assert heard(ledger, State([8], 9, over=False)) == [Owed(Kind.SEGMENT, 8)]


def test_holes_below_the_base_are_not_owed_any_more() -> None:
    ledger = Ledger(Kind.CREATED)
    heard(ledger, State([0], 0, over=False))
    ledger.lost(0, 10, base=0)

    ledger.lost(50, 10, base=40)

    kinds = [owed for owed in heard(ledger, State([40, 60], 60, over=False)) if owed.kind == Kind.HOLE]
    assert kinds == [Owed(Kind.HOLE, 50, 10)]


class Conversation(RuleBasedStateMachine):
    """A session that goes on, a worker that hears now and then, and sometimes a new worker."""

    @initialize()
    def begin(self) -> None:
        self.segments, self.end, self.over = [0], 0, False
        self.ledger = Ledger(Kind.CREATED)
        self.known_end, self.known_over, self.told_exits = -1, False, 0
        self.holes: set[int] = set()
        self.known_holes: set[int] = set()

    @property
    def state(self) -> State:
        return State(self.segments, self.end, self.over)

    @precondition(lambda self: not self.over)
    @rule(count=st.integers(1, 100))
    def write(self, count: int) -> None:
        self.end += count

    @precondition(lambda self: not self.over)
    @rule(count=st.integers(1, 20))
    def lose(self, count: int) -> None:
        self.ledger.lost(self.end, count, self.segments[0])
        self.holes |= set(range(self.end, self.end + count))
        self.end += count

    @precondition(lambda self: not self.over and self.segments[-1] < self.end)
    @rule(drop=st.integers(0, 2))
    def rotate(self, drop: int) -> None:
        self.segments = [*self.segments, self.end][min(drop, len(self.segments)) :]

    @rule()
    def finish(self) -> None:
        self.over = True

    @rule()
    def reconnect(self) -> None:
        self.ledger = Ledger(Kind.SESSION)
        self.known_over, self.told_exits = False, 0

    @rule(messages=st.integers(1, 5))
    def hear(self, messages: int) -> None:
        for _ in range(messages):
            owed = self.ledger.next(self.state)
            if owed is None:
                assert (self.known_end, self.known_over) == (self.end, self.over)
                return
            self.understand(owed)
            self.ledger.told(owed, self.state)

    def understand(self, owed: Owed) -> None:
        assert owed.offset <= self.end
        if owed.kind == Kind.HOLE:
            self.known_holes |= set(range(owed.offset, owed.offset + owed.length))
        elif owed.kind == Kind.SEGMENT:
            assert owed.offset in self.segments
        else:
            self.known_end = max(self.known_end, owed.offset)
        if owed.kind == Kind.EXIT or (owed.kind == Kind.SESSION and self.over):
            self.known_over = True
            self.told_exits += 1

    @invariant()
    def the_exit_is_told_once_and_holes_are_true(self) -> None:
        assert self.told_exits <= 1
        assert self.known_holes <= self.holes


TestConversation = Conversation.TestCase
TestConversation.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
