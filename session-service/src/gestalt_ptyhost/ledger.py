"""What one worker knows of one session, and what it is still owed.

It keeps the state last told, never a queue of messages: a worker that does not read costs nothing, and hears the
newest state when it reads again.
"""

from typing import Final, NamedTuple

from gestalt_ptyhost.wire import Kind

INLINE: Final = 8192
"""Bytes told with their offset: a redraw and every echo; above it the worker is to look into the journal."""


class State(NamedTuple):
    """A session as it is: where its segments start, the offset of its next byte, whether it is over."""

    segments: list[int]
    end: int
    over: bool


class Owed(NamedTuple):
    """One message that is due; `length` is a hole's."""

    kind: Kind
    offset: int
    length: int = 0


class Ledger:
    """What was told so far. `next` names the most urgent message, `told` notes that it was sent."""

    __slots__ = ("_base", "_end", "_greeting", "_holes", "_over", "_segment")

    def __init__(self, greeting: Kind) -> None:
        """The first message is SESSION or CREATED; it carries the whole state of that moment."""
        self._greeting: Kind | None = greeting
        self._segment = self._base = self._end = 0
        self._holes: tuple[tuple[int, int], ...] = ()
        self._over = False

    def lost(self, start: int, length: int, base: int) -> None:
        """Bytes that are not in the journal; holes that touch are told as one, those below the base not at all."""
        holes = [hole for hole in self._holes if sum(hole) > base]
        if holes and sum(holes[-1]) == start:
            start, length = holes[-1][0], holes.pop()[1] + length
        self._holes = (*holes, (start, length))

    @property
    def unborn(self) -> bool:
        """Whether the worker still waits for the answer to its CREATE, which brings the terminal's descriptors."""
        return self._greeting == Kind.CREATED

    def current(self, state: State) -> bool:
        """Whether the worker knows everything up to the bytes that came last."""
        return (
            self._greeting is None
            and not self._holes
            and self._segment == state.segments[-1]
            and self._base == state.segments[0]
        )

    def next(self, state: State) -> Owed | None:
        """What is due, most urgent first: holes before the end beyond them, the end before the exit."""
        if self._greeting is not None:
            return Owed(self._greeting, state.end)
        if self._segment != state.segments[-1] or self._base != state.segments[0]:
            return Owed(Kind.SEGMENT, self._next_segment(state))
        if self._holes:
            return Owed(Kind.HOLE, *self._holes[0])
        if self._end < state.end:
            return Owed(Kind.END, state.end)
        if state.over and not self._over:
            return Owed(Kind.EXIT, state.end)
        return None

    def told(self, owed: Owed, state: State) -> None:
        """Note that a message was sent."""
        match owed.kind:
            case Kind.SEGMENT:
                self._segment, self._base = owed.offset, state.segments[0]
            case Kind.HOLE:
                self._holes = self._holes[1:]
            case Kind.EXIT:
                self._over = True
            case Kind.SESSION | Kind.CREATED:
                self._greeting, self._holes, self._end = None, (), state.end
                self._segment, self._base = state.segments[-1], state.segments[0]
                self._over = state.over and owed.kind == Kind.SESSION  # CREATED does not speak of an exit
            case _:
                self._end = owed.offset

    def reached(self, end: int) -> None:
        """Note that bytes up to `end` were sent."""
        self._end = end

    def _next_segment(self, state: State) -> int:
        """The oldest segment not told yet; the newest again when only the base has moved."""
        return next((start for start in state.segments if start > self._segment), state.segments[-1])
