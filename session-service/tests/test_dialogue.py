"""Bells are told, questions are answered once and in time, and a new worker knows what the last one saw."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from gestalt_session.terminal.dialogue import BELL_SECONDS, Dialogue
from gestalt_session.terminal.journal import Journal
from gestalt_session.terminal.questions import CURSOR_ANSWER, VIEWER_SECONDS


class Terminal:
    """A dialogue, and what it did."""

    def __init__(self, folder: Path, *, viewers: bool = False, clock: Callable[[], float] | None = None) -> None:
        self.typed: list[bytes] = []
        self.answered = asyncio.Event()
        self.rang = 0
        self.dialogue = Dialogue(
            folder / "answered",
            say=self.say,
            ring=self.ring,
            somebody_types=lambda: viewers,
            clock=clock or asyncio.get_running_loop().time,
        )

    def say(self, answer: bytes) -> None:
        self.typed.append(answer)
        self.answered.set()

    def ring(self) -> None:
        self.rang += 1


def journal_of(folder: Path, *segments: tuple[int, bytes]) -> Journal:
    for start, data in segments:
        (folder / f"{start:020d}").write_bytes(data)
    return Journal(folder)


async def test_bells_ring_once_a_second_at_the_most(tmp_path: Path) -> None:
    now = [0.0]
    terminal = Terminal(tmp_path, clock=lambda: now[0])
    terminal.dialogue.feed(b"\x07\x07")
    terminal.dialogue.feed(b"\x07")
    now[0] = BELL_SECONDS
    terminal.dialogue.feed(b"\x07")
    assert terminal.rang == 2


async def test_a_cursor_query_behind_a_question_that_nobody_answers_is_answered_in_time(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, viewers=True)
    asked = asyncio.get_running_loop().time()
    terminal.dialogue.feed(b"\x1b]11;?\x07\x1b[6n")
    async with asyncio.timeout(5):
        await terminal.answered.wait()
    assert terminal.typed == [CURSOR_ANSWER]
    assert VIEWER_SECONDS <= asyncio.get_running_loop().time() - asked < 2
    terminal.dialogue.close()


async def test_what_the_last_worker_left_open_is_asked_again_and_what_it_settled_is_not(tmp_path: Path) -> None:
    output = b"\x1b[6n\x07" * 2
    first = Terminal(tmp_path)
    first.dialogue.feed(output[:5])
    second = Terminal(tmp_path)
    second.dialogue.take_over(0, len(output))
    assert second.dialogue.cursor == 5
    second.dialogue.feed(output[second.dialogue.cursor :])
    assert second.typed == [CURSOR_ANSWER]
    assert second.rang == 0, "old bells rang already"


async def test_a_viewers_reply_settles_it(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, viewers=True)
    terminal.dialogue.feed(b"\x1b[6n")
    assert [terminal.dialogue.admit(b"\x1b[3;4R") for _ in range(2)] == [b"\x1b[3;4R", b""]
    successor = Terminal(tmp_path)
    successor.dialogue.take_over(0, 4)
    assert successor.dialogue.cursor == 4
    terminal.dialogue.close()


async def test_a_new_worker_finds_the_last_switch_of_bracketed_paste(tmp_path: Path) -> None:
    on, off, much = b"\x1b[?2004h", b"\x1b[?2004l", b"x" * 300_000
    cases: list[tuple[list[tuple[int, bytes]], bool]] = [
        ([(0, much)], False),
        ([(0, on + much)], True),
        ([(0, on + b"old"), (11, b"new" + off + b"x")], False),
        ([(0, off + much), (300_008, on[:4]), (300_012, on[4:] + much)], True),
        ([(0, on + b"x"), (1_000_000, b"behind a hole")], True),
    ]
    for number, (segments, wanted) in enumerate(cases):
        folder = tmp_path / str(number)
        folder.mkdir()
        journal = journal_of(folder, *segments)
        terminal = Terminal(tmp_path)
        terminal.dialogue.take_over(journal.base, journal.end)
        assert terminal.dialogue.wants_paste(journal) is wanted, number
        journal.release()


async def test_a_switch_that_is_seen_counts(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path)
    journal = Journal(tmp_path)
    assert not terminal.dialogue.wants_paste(journal)
    terminal.dialogue.feed(b"\x1b[?2004h")
    assert terminal.dialogue.wants_paste(journal)
