"""What a terminal owes its program besides a picture: it hears what is said to it, and answers each question once.

The worker answers, whoever watches (contract §3, Queries): at once what it knows by itself, and from the screen what
only the screen can tell.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Protocol

from gestalt_session.terminal.answers import Facts, own_answer, without_screen
from gestalt_session.terminal.journal import BLOCK, Journal
from gestalt_session.terminal.questions import Open, Questions
from gestalt_session.terminal.replies import Replies, Watching
from gestalt_session.terminal.scanner import (
    LAST_PASTE_MODE,
    LONGEST_SEQUENCE,
    Finding,
    Question,
    Scanner,
    Sign,
)

BELL_SECONDS = 1.0  # at most one bell a second is told
LOOK_BACK = 1024 * 1024  # how far a new worker looks for questions that the last one left open
MOST_UNREAD = 64 * 1024  # bytes of answers: a program that leaves so many unread is not waiting for more
ANSWERED_BYTES = 8
PRIVATE_FILE = 0o600


class Partner(Protocol):
    """What a dialogue is had for: a session."""

    def say(self, answer: bytes, taken: Callable[[], None]) -> None:
        """Type an answer; call `taken` when the terminal has it, or never will."""

    def ring(self) -> None:
        """The program has rung."""

    def signed(self, sign: Sign, said: bytes) -> None:
        """The program has said something of itself."""

    def facts(self) -> Facts:
        """What is known of the terminal without its screen."""

    def ask_screen(self, end: int, question: bytes) -> asyncio.Future[bytes]:
        """What the screen answers to a question that ends there. Fails, or is empty, where it does not know."""


class Dialogue:
    """Listens to the output of one session."""

    def __init__(
        self,
        answered: Path,
        partner: Partner,
        *,
        clock: Callable[[], float],
        answered_elsewhere: bool = False,
    ) -> None:
        """`answered_elsewhere`: the program has a terminal that answers; no reply of ours or a viewer's passes."""
        self._answered = answered
        self._partner = partner
        self._clock = clock
        self._answered_elsewhere = answered_elsewhere
        self._scanner = Scanner()
        self._questions = Questions()
        self._replies = Replies()
        self._unread = 0
        self._noted = 0
        self._old_until = 0  # bells before this offset rang for the last worker
        self._rang_at = float("-inf")
        self._closed = False
        self._paste: bool | None = False  # None: to be looked up in what the last worker saw

    @property
    def cursor(self) -> int:
        """Up to where the output has been looked at."""
        return self._scanner.cursor

    def take_over(self, base: int, end: int) -> None:
        """Begin where the last worker left questions open."""
        self._noted = self._read_answered()
        start = max(self._noted, base, end - LOOK_BACK)
        self._old_until = end
        self._paste = None if end else False
        self._scanner.jump(min(start, end))

    def jump(self, offset: int) -> None:
        """Output was trimmed before it could be looked at."""
        self._scanner.jump(offset)

    def feed(self, data: bytes) -> None:
        """Look at the next bytes of output; of who does not read what it is answered, without looking for questions."""
        self._scanner.asks = not self._deaf
        findings = self._scanner.feed(data)
        for found in findings:
            if isinstance(found.kind, Question):
                self._asked(found)
            else:
                self._hears(found)
        if not self._scanner.asks:
            self._questions.pass_over(self.cursor)
        if findings:
            self._settle()

    def wants_paste(self, journal: Journal) -> bool:
        """Whether the program has asked for pastes in brackets."""
        if self._paste is None:
            self._paste = _last_paste_mode(journal, self._old_until)
        return self._paste

    def admit(self, frame: bytes, viewer: Watching) -> bytes:
        """What of a viewer's frame is to be typed (see Replies.admit)."""
        return self._replies.admit(frame, viewer, self._clock())

    def close(self) -> None:
        """The terminal has ended, or the worker stops."""
        self._closed = True

    # -- what it hears ---------------------------------------------------------------------------------------------

    def _hears(self, found: Finding) -> None:
        match found.kind:
            case Sign.BELL:
                self._heard_bell(found.end)
            case Sign.PASTE_ON | Sign.PASTE_OFF:
                self._paste = found.kind is Sign.PASTE_ON
            case Sign():
                self._partner.signed(found.kind, found.text)

    def _heard_bell(self, end: int) -> None:
        now = self._clock()
        if end > self._old_until and now - self._rang_at >= BELL_SECONDS:
            self._rang_at = now
            self._partner.ring()

    # -- what it answers -------------------------------------------------------------------------------------------

    def _asked(self, found: Finding) -> None:
        if self._answered_elsewhere:
            return
        if self._deaf:
            self._questions.pass_over(found.end)
            return
        answer = own_answer(found, self._partner.facts())
        question = self._questions.ask(found.end, answer)
        if answer is None:
            told = self._partner.ask_screen(found.end, found.text)
            told.add_done_callback(partial(self._screen_told, question, found))
        if found.kind in {Question.CURSOR, Question.CURSOR_DEC}:
            self._replies.expect(question, self._clock())

    def _screen_told(self, question: Open, found: Finding, told: asyncio.Future[bytes]) -> None:
        known = not told.cancelled() and told.exception() is None and told.result()
        question.answer = known or without_screen(found)
        self._settle()

    @property
    def _deaf(self) -> bool:
        """Whether the program has asked so much that it cannot be waiting for more answers."""
        return self._questions.full or self._unread > MOST_UNREAD

    def _settle(self) -> None:
        """Give the answers that are due."""
        if self._closed:
            return
        answer, end = self._questions.take()
        if answer:
            self._unread += len(answer)
            self._partner.say(answer, partial(self._taken, len(answer), end))
        elif not len(self._questions) and end > self._noted:
            self._note(end)

    def _taken(self, size: int, end: int) -> None:
        self._unread -= size
        self._note(end)

    def _note(self, end: int) -> None:
        """Keep on disk up to where questions are settled, for a worker that takes over."""
        self._noted = end
        with suppress(OSError):  # a full disk: a successor may answer once more, which beats a terminal that stops
            _overwrite(self._answered, end.to_bytes(ANSWERED_BYTES, "big"))

    def _read_answered(self) -> int:
        try:
            return int.from_bytes(self._answered.read_bytes(), "big")
        except FileNotFoundError:
            return 0


def _overwrite(path: Path, data: bytes) -> None:
    """In one step: a file that a dying worker has emptied would have everything answered again."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
    try:
        os.pwrite(descriptor, data, 0)
    finally:
        os.close(descriptor)


def _last_paste_mode(journal: Journal, end: int) -> bool:
    """Look for the last switch before `end`, going back in time; a shell makes one at every prompt, so it is near."""
    low, later = end, b""
    while low > journal.base:
        high = low
        low, block = journal.stretch(max(journal.base, high - BLOCK), high)
        whole = low + len(block) == high  # else a hole lies between this block and the later one
        match = LAST_PASTE_MODE.match(block + later[:LONGEST_SEQUENCE] if whole else block)
        if match:
            return match.group().endswith(b"h")
        later = block
    return False
