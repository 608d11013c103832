"""Bells and questions in a program's output, wherever it is cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gestalt_session.terminal.scanner import BELL, PASTE_OFF, PASTE_ON, Finding, Question, Scanner


def findings(*parts: bytes) -> list[Finding]:
    scanner = Scanner()
    return [finding for part in parts for finding in scanner.feed(part)]


def test_the_end_of_a_title_is_no_bell() -> None:
    assert findings(b"\x1b]0;a title\x07") == []


def test_a_taken_back_string_ends_without_a_question() -> None:
    assert findings(b"\x1b]11;?\x18\x07") == [BELL]


def test_a_string_that_never_ends_hides_no_question_after_it() -> None:
    assert findings(b"\x1b]0;a title\x1b[6n\x07") == [Question.CURSOR, BELL]
    assert findings(b"\x1b]11;?\x1b", b"[6n\x07") == [Question.CURSOR, BELL]


def test_every_bell_of_plain_text_is_found() -> None:
    assert findings(b"\x07\x07") == findings(b"\x07", b"\x07") == [BELL, BELL]


def test_plain_text_with_a_bell_rings() -> None:
    assert findings(b"text\x07more") == [BELL]


@pytest.mark.parametrize(
    ("output", "found"),
    [
        (b"\x1b[6n", Question.CURSOR),
        (b"\x1b[?6n", Question.CURSOR_DEC),
        (b"\x1b[5n", Question.STATUS),
        (b"\x1b[c", Question.DEVICE_1),
        (b"\x1b[0c", Question.DEVICE_1),
        (b"\x1b[>c", Question.DEVICE_2),
        (b"\x1b[=c", Question.DEVICE_3),
        (b"\x1b[?2026$p", Question.MODE),
        (b"\x1b[>0q", Question.VERSION),
        (b"\x1b[?u", Question.KEYBOARD),
        (b"\x1b[18t", Question.WINDOW),
        (b"\x1b]11;?\x07", Question.COLOUR),
        (b"\x1b]4;7;?\x1b\\", Question.COLOUR),
        (b"\x1bP$qm\x1b\\", Question.SETTING),
        (b"\x1bP+q544e\x1b\\", Question.CAPABILITY),
        (b"\x1b[?2004h", PASTE_ON),
        (b"\x1b[?1;2004l", PASTE_OFF),
    ],
)
def test_it_is_found_whole_and_cut_anywhere(output: bytes, found: Finding) -> None:
    assert findings(b"before" + output + b"after") == [found]
    for cut in range(1, len(output)):
        assert findings(b"before" + output[:cut], output[cut:] + b"after") == [found], cut


def test_after_a_jump_nothing_of_before_is_remembered() -> None:
    scanner = Scanner()
    scanner.feed(b"\x1b]0;half a ti")
    scanner.jump(500)
    assert scanner.feed(b"\x07") == [BELL]
    assert scanner.cursor == 501


TOKENS = st.sampled_from(
    [
        b"x",
        b"\x07",
        b"\x1b",
        b"[",
        b"6n",
        b"\x1b[6n",
        b"\x1b]0;t",
        b"\x1b]11;?",
        b"\x1b\\",
        b"\x1bP$q",
        b"\x18",
        b"\x1b[31m",
    ]
)


@given(st.lists(TOKENS, max_size=30), st.lists(st.integers(0, 200), max_size=6))
def test_cuts_change_nothing(tokens: list[bytes], cuts: list[int]) -> None:
    output = b"".join(tokens)
    bounds = [0, *sorted(min(cut, len(output)) for cut in cuts), len(output)]
    parts = [output[a:b] for a, b in pairwise(bounds)]
    assert findings(*parts) == findings(output)
