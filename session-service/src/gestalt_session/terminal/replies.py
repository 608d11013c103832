"""What viewers' terminals answer by themselves is not typed: the worker has answered (contract §3, Queries). Pure.

Every viewer's terminal answers every question that it sees, late ones and those replayed from history too. Their
replies are told by their form. One form is also a key: `ESC [ 1 ; 2 R` is Shift-F3, and the cursor's place in the first
row. It is a reply where that viewer was sent such a question and has not answered it, if it says what the worker says,
or comes from a terminal that is known to answer; else somebody has pressed a key.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import Protocol
from weakref import WeakKeyDictionary

from msgspec import Struct

from gestalt_contracts.replies import REPLY
from gestalt_session.terminal.questions import Open

OPEN_SECONDS = 10.0
"""A viewer's terminal that has not answered by then does not."""
MOST_REMEMBERED = 4096

_CURSOR = re.compile(rb"\x1b\[\??\d+;\d+(?:;\d+)?R")
_MODIFIED_F3 = re.compile(rb"\x1b\[1;[2-8]R")


class Watching(Protocol):
    """A viewer."""

    cursor: int
    """Up to where it was sent the output."""


class _Asked(Struct, frozen=True):
    question: Open
    at: float


class Replies:
    """Tells replies from keys, for one session."""

    def __init__(self) -> None:
        self._asked: list[_Asked] = []
        self._replied: WeakKeyDictionary[Watching, int] = WeakKeyDictionary()

    def expect(self, question: Open, now: float) -> None:
        """A program asks for the cursor's place: so may the terminal of everybody who sees that answer."""
        if len(self._asked) >= MOST_REMEMBERED:
            del self._asked[: MOST_REMEMBERED // 2]
        self._asked.append(_Asked(question, now))

    def admit(self, frame: bytes, viewer: Watching, now: float) -> bytes:
        """What of a viewer's frame is to be typed: all of it, unless it consists of replies."""
        replies = _replies_in(frame) if frame.startswith(b"\x1b") else None
        if replies is None:
            return frame
        keys = [reply for reply in replies if self._is_key(reply, viewer, now)]
        return frame if len(keys) == len(replies) else b""

    def _is_key(self, reply: bytes, viewer: Watching, now: float) -> bool:
        if not _CURSOR.fullmatch(reply):
            self._replied.setdefault(viewer, 0)
            return False
        question = self._next_for(viewer, now)
        told = question is not None and (question.answer in {None, reply} or viewer in self._replied)
        if _MODIFIED_F3.fullmatch(reply) and not told:
            return True
        self._replied[viewer] = question.end if question is not None else viewer.cursor
        return False

    def _next_for(self, viewer: Watching, now: float) -> Open | None:
        """The oldest question that this viewer was sent and has not answered."""
        after = self._replied.get(viewer, 0)
        for asked in self._asked[self._first_after(after) :]:
            if asked.question.end > viewer.cursor:
                return None
            if now - asked.at < OPEN_SECONDS:
                return asked.question
        return None

    def _first_after(self, end: int) -> int:
        return bisect_right(self._asked, end, key=lambda asked: asked.question.end)


def _replies_in(frame: bytes) -> list[bytes] | None:
    """The frame as a sequence of replies; None when anything else is in it."""
    replies = []
    position = 0
    while position < len(frame):
        match = REPLY.match(frame, position)
        if match is None:
            return None
        replies.append(match.group())
        position = match.end()
    return replies
