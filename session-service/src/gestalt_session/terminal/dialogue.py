"""What a terminal owes its program besides a picture: bells are heard, questions are answered once (contract §3)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from gestalt_session.terminal.journal import BLOCK, Journal
from gestalt_session.terminal.questions import Questions
from gestalt_session.terminal.scanner import (
    BELL,
    LAST_PASTE_MODE,
    LONGEST_SEQUENCE,
    PASTE_OFF,
    PASTE_ON,
    Question,
    Scanner,
)

BELL_SECONDS = 1.0  # at most one bell a second is told
LOOK_BACK = 1024 * 1024  # how far a new worker looks for questions that the last one left open
ANSWERED_BYTES = 8


class Dialogue:
    """Scans the output of one session. `say` types an answer, `ring` tells a bell, `somebody_types` is asked then."""

    def __init__(
        self,
        answered: Path,
        *,
        say: Callable[[bytes], None],
        ring: Callable[[], None],
        somebody_types: Callable[[], bool],
        clock: Callable[[], float],
        answered_elsewhere: bool = False,
    ) -> None:
        """`answered_elsewhere`: the program has a terminal that answers; no reply of ours or a viewer's passes."""
        self._answered = answered
        self._say = say
        self._ring = ring
        self._somebody_types = somebody_types
        self._clock = clock
        self._answered_elsewhere = answered_elsewhere
        self._scanner = Scanner()
        self._questions = Questions()
        self._old_until = 0  # bells before this offset rang for the last worker
        self._rang_at = float("-inf")
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        self._paste: bool | None = False  # None: to be looked up in what the last worker saw

    @property
    def cursor(self) -> int:
        """Up to where the output has been looked at."""
        return self._scanner.cursor

    def take_over(self, base: int, end: int) -> None:
        """Begin where the last worker left questions open."""
        start = max(self._read_answered(), base, end - LOOK_BACK)
        self._old_until = end
        self._paste = None if end else False
        self._scanner.jump(min(start, end))

    def jump(self, offset: int) -> None:
        """Output was trimmed before it could be looked at."""
        self._scanner.jump(offset)

    def feed(self, data: bytes) -> None:
        """Look at the next bytes of output."""
        for finding in self._scanner.feed(data):
            if finding == BELL:
                self._heard_bell()
            elif finding in {PASTE_ON, PASTE_OFF}:
                self._paste = finding == PASTE_ON
            elif isinstance(finding, Question):
                self._asked(finding)

    def wants_paste(self, journal: Journal) -> bool:
        """Whether the program has asked for pastes in brackets."""
        if self._paste is None:
            self._paste = _last_paste_mode(journal, self._old_until)
        return self._paste

    def admit(self, frame: bytes) -> bytes:
        """What of a viewer's frame is to be typed (see Questions.admit)."""
        open_before = len(self._questions)
        wanted = self._questions.admit(frame)
        if open_before and not len(self._questions):
            self._note_answered()
        return wanted

    def close(self) -> None:
        """The terminal has ended, or the worker stops."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _heard_bell(self) -> None:
        now = self._clock()
        if self.cursor > self._old_until and now - self._rang_at >= BELL_SECONDS:
            self._rang_at = now
            self._ring()

    def _asked(self, question: Question) -> None:
        if self._answered_elsewhere:
            return
        answer = self._questions.ask(question, self._clock(), somebody_types=self._somebody_types())
        if answer:
            self._say(answer)
            self._note_answered()
        self._wait_for_replies()

    def _wait_for_replies(self) -> None:
        if self._closed:
            return
        if self._timer is not None:
            self._timer.cancel()  # a question that came later may have to be answered sooner
            self._timer = None
        due = self._questions.next_due()
        if due is not None:
            delay = max(0.0, due - self._clock())
            self._timer = asyncio.get_running_loop().call_later(delay, self._replies_due)

    def _replies_due(self) -> None:
        self._timer = None
        answer = self._questions.due(self._clock())
        if answer:
            self._say(answer)
        if not len(self._questions):
            self._note_answered()
        self._wait_for_replies()

    def _note_answered(self) -> None:
        """Keep on disk up to where questions are settled, for a worker that takes over."""
        with suppress(OSError):  # a full disk: a successor may answer once more, which beats a terminal that stops
            self._answered.write_bytes(self.cursor.to_bytes(ANSWERED_BYTES, "big"))

    def _read_answered(self) -> int:
        try:
            return int.from_bytes(self._answered.read_bytes(), "big")
        except FileNotFoundError:
            return 0


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
