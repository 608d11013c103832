"""What a terminal answers by itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gestalt_session.terminal.answers import SCREEN_QUESTIONS, Facts, own_answer, without_screen
from gestalt_session.terminal.replies import Replies
from gestalt_session.terminal.scanner import Finding, Question, Scanner
from gestalt_session.terminal.theme import COLOURS, THEMES, Look

DARK = Facts(100, 30, Look.DARK)
LIGHT = Facts(80, 24, Look.LIGHT)
ASKED = {
    Question.CURSOR: b"\x1b[6n",
    Question.CURSOR_DEC: b"\x1b[?6n",
    Question.STATUS: b"\x1b[5n",
    Question.SCHEME: b"\x1b[?996n",
    Question.DEVICE_1: b"\x1b[c",
    Question.DEVICE_2: b"\x1b[>c",
    Question.DEVICE_3: b"\x1b[=c",
    Question.MODE: b"\x1b[?2026$p",
    Question.VERSION: b"\x1b[>q",
    Question.KEYBOARD: b"\x1b[?u",
    Question.WINDOW: b"\x1b[18t",
    Question.COLOUR: b"\x1b]11;?\x07",
    Question.SETTING: b"\x1bP$qm\x1b\\",
    Question.CAPABILITY: b"\x1bP+q544e\x1b\\",
}


class Somebody:
    """A viewer that saw nothing."""

    cursor = 0


def answer(question: bytes, facts: Facts = DARK) -> bytes | None:
    (found,) = Scanner().feed(question)
    return own_answer(found, facts)


def test_every_question_has_an_answer_that_a_viewer_might_have_given() -> None:
    assert set(ASKED) == set(Question)
    for kind, asked in ASKED.items():
        (found,) = Scanner().feed(asked)
        assert found.kind is kind
        said = own_answer(found, DARK)
        assert (said is None) == (kind in SCREEN_QUESTIONS), kind
        assert Replies().admit(said or without_screen(found), Somebody(), 0.0) == b"", kind


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (b"\x1b[5n", b"\x1b[0n"),
        (b"\x1b[?996n", b"\x1b[?997;1n"),
        (b"\x1b[c", b"\x1b[?1;2c"),
        (b"\x1b[>0c", b"\x1b[>0;276;0c"),
        (b"\x1b[=c", b"\x1bP!|00000000\x1b\\"),
        (b"\x1b[>0q", b"\x1bP>|xterm.js(6.0.0)\x1b\\"),
        (b"\x1b[11t", b"\x1b[1t"),
        (b"\x1b[13;2t", b"\x1b[3;0;0t"),
        (b"\x1b[14t", b"\x1b[4;600;1000t"),
        (b"\x1b[16t", b"\x1b[6;20;10t"),
        (b"\x1b[18t", b"\x1b[8;30;100t"),
        (b"\x1b[19t", b"\x1b[9;30;100t"),
        (b"\x1b[21t", b"\x1b]l\x1b\\"),
        (b"\x1b]10;?\x07", b"\x1b]10;rgb:d7d7/dada/e4e4\x07"),
        (b"\x1b]11;?\x1b\\", b"\x1b]11;rgb:0f0f/1111/1717\x1b\\"),
        (b"\x1b]12;?\x07", b"\x1b]12;rgb:aaaa/b3b3/ffff\x07"),
        (b"\x1b]11;?;?\x07", b"\x1b]11;rgb:0f0f/1111/1717\x07\x1b]12;rgb:aaaa/b3b3/ffff\x07"),
        (b"\x1b]15;?\x07", b""),
        (b"\x1b]4;1;?\x07", b"\x1b]4;1;rgb:f2f2/7777/7f7f\x07"),
        (b"\x1b]4;196;?;999;?\x07", b"\x1b]4;196;rgb:ffff/0000/0000\x07"),
        (b"\x1bP+q544e\x1b\\", b"\x1bP1+r544e=787465726d2d323536636f6c6f72\x1b\\"),
        (b"\x1bP+q436f;524742;6b75\x1b\\", b"\x1bP1+r436f=323536;524742=38\x1b\\"),
        (b"\x1bP+qzz\x1b\\", b"\x1bP0+r\x1b\\"),
    ],
)
def test_the_answers(asked: bytes, said: bytes) -> None:
    assert answer(asked) == said


def test_a_light_theme_says_so() -> None:
    assert answer(b"\x1b[?996n", LIGHT) == b"\x1b[?997;2n"
    assert answer(b"\x1b]11;?\x07", LIGHT) == b"\x1b]11;rgb:fcfc/fcfc/fefe\x07"


def test_all_colours_at_once_are_bounded() -> None:
    said = answer(b"\x1b]4" + b";7;?" * 1_000 + b"\x07")
    assert said is not None
    assert said.count(b"rgb:") == COLOURS


def test_where_nobody_knows_the_screen_it_says_so() -> None:
    for asked, said in {
        b"\x1b[6n": b"\x1b[1;1R",
        b"\x1b[?6n": b"\x1b[?1;1R",
        b"\x1b[?u": b"\x1b[?0u",
        b"\x1b[?2026$p": b"\x1b[?2026;0$y",
        b"\x1b[4$p": b"\x1b[4;0$y",
        b"\x1bP$qm\x1b\\": b"\x1bP0$r\x1b\\",
    }.items():
        (found,) = Scanner().feed(asked)
        assert without_screen(found) == said


@given(st.sampled_from(list(Look)), st.integers(0, 255))
def test_every_colour_of_the_palette_is_one(look: Look, index: int) -> None:
    colour = THEMES[look].indexed(index)
    assert colour is not None
    assert 0 <= colour <= 0xFFFFFF


@given(st.binary(max_size=60))
def test_no_question_breaks_it(inner: bytes) -> None:
    for opener, end in ((b"\x1b]4;", b"\x07"), (b"\x1b]1", b"\x07"), (b"\x1bP+q", b"\x1b\\"), (b"\x1b[1", b"t")):
        for found in Scanner().feed(opener + inner + end):
            if isinstance(found.kind, Question):
                own_answer(found, DARK)


def test_a_finding_is_all_it_needs() -> None:
    assert own_answer(Finding(Question.STATUS, b"\x1b[5n", 4), DARK) == b"\x1b[0n"
