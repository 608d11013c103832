"""A program's open questions to its terminal: each is answered once, in the order they were asked. Pure.

Some answers are known at once, some only when the screen was asked: those that are known wait for the ones before.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

MOST_OPEN = 4096
"""A program that asks more before the first answer is not waiting for them: the others are not answered."""


@dataclass(eq=False, slots=True)
class Open:
    """One that waits. `end`: where it ends in the output."""

    end: int
    answer: bytes | None = None


class Questions:
    """Those of one session, oldest first."""

    def __init__(self) -> None:
        self._open: deque[Open] = deque()
        self._seen = 0
        self._settled = 0

    def __len__(self) -> int:
        return len(self._open)

    @property
    def full(self) -> bool:
        """Whether no further question is to be answered now."""
        return len(self._open) >= MOST_OPEN

    def ask(self, end: int, answer: bytes | None) -> Open:
        """Note one; its `answer` is set later if it is not known yet."""
        question = Open(end, answer)
        self._open.append(question)
        self._seen = end
        return question

    def pass_over(self, end: int) -> None:
        """One that gets no answer, now or later."""
        self._seen = end

    def take(self) -> tuple[bytes, int]:
        """The answers that can be given now, and the offset before which no question is open."""
        answers = []
        while self._open and (answer := self._open[0].answer) is not None:
            self._settled = self._open.popleft().end
            answers.append(answer)
        return b"".join(answers), self._settled if self._open else max(self._seen, self._settled)
