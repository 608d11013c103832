"""A program's open questions to its terminal, and whose reply reaches it (contract §3, Queries).

Every viewer's terminal answers every question it sees, late ones and those replayed from history too. So: the first
reply to an open question passes, all others are dropped; where nobody replies, the worker answers the cursor position
itself. Sans-IO: times are given, bytes come back.
"""

from __future__ import annotations

import re
from collections import deque

from gestalt_session.terminal.scanner import Question

VIEWER_SECONDS = 0.25  # how long a viewer's terminal has to answer a cursor query before the worker does
OPEN_SECONDS = 5.0  # a reply later than this is one nobody waits for
MOST_OPEN = 64  # a program that asks more without reading is not waiting for the answers
CURSOR_ANSWER = b"\x1b[1;1R"

_STRING_END = rb"(?:\x07|\x1b\\)"
_REPLIES: tuple[tuple[Question, re.Pattern[bytes]], ...] = (
    (Question.CURSOR, re.compile(rb"\x1b\[\d+;\d+R")),
    (Question.CURSOR_DEC, re.compile(rb"\x1b\[\?\d+;\d+(?:;\d+)?R")),
    (Question.STATUS, re.compile(rb"\x1b\[\??[\d;]+n")),
    (Question.DEVICE_1, re.compile(rb"\x1b\[\?[\d;]*c")),
    (Question.DEVICE_2, re.compile(rb"\x1b\[>[\d;]*c")),
    (Question.DEVICE_3, re.compile(rb"\x1bP!\|[0-9A-Fa-f]*" + _STRING_END)),
    (Question.MODE, re.compile(rb"\x1b\[\??\d+;\d+\$y")),
    (Question.VERSION, re.compile(rb"\x1bP>\|[^\x1b]*" + _STRING_END)),
    (Question.KEYBOARD, re.compile(rb"\x1b\[\?\d+u")),
    (Question.WINDOW, re.compile(rb"\x1b\[\d+(?:;\d+)*t|\x1b\][lL][^\x1b]*" + _STRING_END)),
    (Question.COLOUR, re.compile(rb"\x1b\](?:4;\d+|1[0-9]);rgba?:[0-9A-Fa-f/]+" + _STRING_END)),
    (Question.SETTING, re.compile(rb"\x1bP[01]\$r[^\x1b]*" + _STRING_END)),
    (Question.CAPABILITY, re.compile(rb"\x1bP[01]\+r[^\x1b]*" + _STRING_END)),
)
_MODIFIED_F3 = re.compile(rb"\x1b\[1;[2-8]R")
"""Shift-F3 and its like: a key, unless a cursor query is open."""


class Questions:
    """The open questions of one session, oldest first."""

    def __init__(self) -> None:
        self._open: deque[tuple[Question, float]] = deque(maxlen=MOST_OPEN)

    def __len__(self) -> int:
        return len(self._open)

    def ask(self, question: Question, now: float, *, somebody_types: bool) -> bytes:
        """Note a question; what the worker answers at once (nothing while a writing viewer may answer)."""
        if question is Question.CURSOR and not somebody_types:
            return CURSOR_ANSWER
        self._open.append((question, now))
        return b""

    def due(self, now: float) -> bytes:
        """What the worker must answer by now in the viewers' place; forgets what nobody answered."""
        answers = b""
        for question, asked in list(self._open):
            patience = VIEWER_SECONDS if question is Question.CURSOR else OPEN_SECONDS
            if now - asked >= patience:
                self._open.remove((question, asked))
                answers += CURSOR_ANSWER if question is Question.CURSOR else b""
        return answers

    def next_due(self) -> float | None:
        """When `due` must be asked again; None while nothing is open."""
        times = [asked + (VIEWER_SECONDS if q is Question.CURSOR else OPEN_SECONDS) for q, asked in self._open]
        return min(times, default=None)

    def admit(self, frame: bytes) -> bytes:
        """What of a viewer's frame is to be typed: all of it, unless it consists of replies; then only awaited ones."""
        if not frame.startswith(b"\x1b"):
            return frame
        replies = _replies_in(frame)
        if replies is None:
            return frame
        return b"".join(reply for question, reply in replies if self._awaited(question, reply))

    def _awaited(self, question: Question, reply: bytes) -> bool:
        for entry in self._open:
            if entry[0] is question:
                self._open.remove(entry)
                return True
        return _MODIFIED_F3.fullmatch(reply) is not None


def _replies_in(frame: bytes) -> list[tuple[Question, bytes]] | None:
    """The frame as a sequence of replies; None when anything else is in it."""
    replies = []
    position = 0
    while position < len(frame):
        found = _reply_at(frame, position)
        if found is None:
            return None
        replies.append(found)
        position += len(found[1])
    return replies


def _reply_at(frame: bytes, position: int) -> tuple[Question, bytes] | None:
    for question, pattern in _REPLIES:
        match = pattern.match(frame, position)
        if match:
            return question, match.group()
    return None
