"""Bells are told, questions are answered once and in time, and a new worker knows what the last one saw."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from gestalt_session.terminal.answers import Facts
from gestalt_session.terminal.dialogue import BELL_SECONDS, MOST_UNREAD, Dialogue
from gestalt_session.terminal.journal import Journal
from gestalt_session.terminal.questions import MOST_OPEN
from gestalt_session.terminal.scanner import Sign
from gestalt_session.terminal.theme import Look

CORNER = b"\x1b[1;1R"
DEVICE = b"\x1b[?1;2c"


class Terminal:
    """A dialogue, and what it did. `reads`: its program takes what is typed; `screen`: what the screen answers."""

    def __init__(
        self,
        folder: Path,
        *,
        screen: Callable[[int, bytes], bytes | None] | None = None,
        reads: bool = True,
        elsewhere: bool = False,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self.typed: list[bytes] = []
        self.takes: list[Callable[[], None]] = []
        self.rang = 0
        self.said: list[tuple[Sign, bytes]] = []
        self.asked: list[tuple[int, bytes]] = []
        self._screen = screen
        self._reads = reads
        clock = clock or asyncio.get_running_loop().time
        self.dialogue = Dialogue(folder / "answered", self, clock=clock, answered_elsewhere=elsewhere)

    def say(self, answer: bytes, taken: Callable[[], None]) -> None:
        self.typed.append(answer)
        if self._reads:
            taken()
        else:
            self.takes.append(taken)

    def ring(self) -> None:
        self.rang += 1

    def signed(self, sign: Sign, said: bytes) -> None:
        self.said.append((sign, said))

    def facts(self) -> Facts:
        return Facts(80, 24, Look.DARK)

    def ask_screen(self, end: int, question: bytes) -> asyncio.Future[bytes]:
        self.asked.append((end, question))
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        answer = self._screen(end, question) if self._screen is not None else None
        if answer is None:
            future.set_exception(RuntimeError("no screen"))
        else:
            future.set_result(answer)
        return future


class Viewer:
    """A viewer that was sent everything."""

    cursor = 1_000_000


async def settled() -> None:
    """Let the futures that are done be heard."""
    for _ in range(3):
        await asyncio.sleep(0)


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


async def test_answers_come_once_each_and_in_the_order_of_the_questions(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, screen=lambda end, _: b"\x1b[%d;1R" % end)
    terminal.dialogue.feed(b"\x1b[c\x1b[6n\x1b[5n")
    assert terminal.typed == [DEVICE], "what is known does not wait for what comes later"
    terminal.dialogue.feed(b"\x1b[c")
    await settled()
    assert terminal.asked == [(7, b"\x1b[6n")]
    assert b"".join(terminal.typed) == DEVICE + b"\x1b[7;1R\x1b[0n" + DEVICE


@pytest.mark.parametrize("screen", [None, lambda *_: b""])
async def test_without_a_screen_it_is_the_upper_left_corner(
    tmp_path: Path, screen: Callable[[int, bytes], bytes | None] | None
) -> None:
    terminal = Terminal(tmp_path, screen=screen)
    terminal.dialogue.feed(b"\x1b[6n")
    await settled()
    assert terminal.typed == [CORNER]


async def test_a_program_in_another_terminal_is_answered_there(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, elsewhere=True)
    terminal.dialogue.feed(b"\x1b[6n\x1b[c")
    await settled()
    assert not terminal.typed
    assert terminal.dialogue.admit(CORNER, Viewer()) == b""


async def test_who_asks_and_never_reads_is_owed_little(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, reads=False)
    terminal.dialogue.feed(b"\x1b[c" * 100_000)
    owed = sum(map(len, terminal.typed))
    terminal.dialogue.feed(b"\x1b[c" * 100_000)
    assert sum(map(len, terminal.typed)) <= MOST_UNREAD + MOST_OPEN * len(DEVICE)
    assert owed <= MOST_OPEN * len(DEVICE)
    for taken in terminal.takes:
        taken()
    terminal.dialogue.feed(b"\x1b[5n")
    assert terminal.typed[-1] == b"\x1b[0n", "once it has read, it is answered again"


async def test_no_more_is_asked_of_the_screen_than_it_may_owe(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, screen=lambda *_: CORNER)
    terminal.dialogue.feed(b"\x1b[6n" * (MOST_OPEN + 1_000))
    assert len(terminal.asked) == MOST_OPEN
    await settled()
    assert b"".join(terminal.typed) == CORNER * MOST_OPEN


async def test_what_a_program_says_of_itself_is_passed_on(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path)
    terminal.dialogue.feed(b"\x1b]0;vim\x07text\x1b]7;file:///tmp\x1b\\\x1b]133;A\x07")
    assert terminal.said == [(Sign.TITLE, b"vim"), (Sign.LOCATION, b"file:///tmp"), (Sign.PROMPT, b"A")]
    assert not terminal.rang


async def test_what_the_last_worker_left_open_is_answered_and_what_it_settled_is_not(tmp_path: Path) -> None:
    output = b"\x1b[6n\x07" * 2
    first = Terminal(tmp_path)
    first.dialogue.feed(output[:5])
    await settled()
    second = Terminal(tmp_path)
    second.dialogue.take_over(0, len(output))
    assert second.dialogue.cursor == 4
    second.dialogue.feed(output[second.dialogue.cursor :])
    await settled()
    assert second.typed == [CORNER]
    assert second.rang == 0, "old bells rang already"


async def test_what_a_dead_worker_had_not_typed_is_answered_by_the_next(tmp_path: Path) -> None:
    first = Terminal(tmp_path, reads=False)
    first.dialogue.feed(b"\x1b[c\x1b[5n")
    second = Terminal(tmp_path)
    second.dialogue.take_over(0, 7)
    assert second.dialogue.cursor == 0
    first.takes[0]()
    third = Terminal(tmp_path)
    third.dialogue.take_over(0, 7)
    assert third.dialogue.cursor == 7


async def test_an_end_while_the_screen_is_asked_is_no_harm(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path)
    terminal.dialogue.feed(b"\x1b[6n")
    terminal.dialogue.close()
    await settled()
    assert not terminal.typed


async def test_the_reply_of_a_viewer_that_saw_the_question_is_dropped(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, screen=lambda *_: b"\x1b[1;3R")
    terminal.dialogue.feed(b"\x1b[6n")
    await settled()
    viewer = Viewer()
    assert [terminal.dialogue.admit(b"\x1b[1;3R", viewer) for _ in range(2)] == [b"", b"\x1b[1;3R"]


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
