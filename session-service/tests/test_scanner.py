"""Bells and questions in a program's output, wherever it is cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gestalt_session.terminal.scanner import LONGEST_STRING, Finding, Question, Scanner, Sign


def found(*parts: bytes) -> list[Finding]:
    scanner = Scanner()
    return [finding for part in parts for finding in scanner.feed(part)]


def kinds(*parts: bytes) -> list[Question | Sign]:
    return [finding.kind for finding in found(*parts)]


def test_the_end_of_a_title_is_no_bell() -> None:
    assert kinds(b"\x1b]0;a title\x07") == [Sign.TITLE]
    assert kinds(b"\x1b]8;;http://x/\x07") == []


def test_within_other_strings_a_bell_is_content() -> None:
    assert kinds(b"\x1bPtmux;\x07\x1b\\", b"\x07") == [Sign.BELL]


def test_a_taken_back_string_ends_without_a_question() -> None:
    assert kinds(b"\x1b]11;?\x18\x07") == [Sign.BELL]


def test_a_string_that_never_ends_hides_no_question_after_it() -> None:
    assert kinds(b"\x1b]0;a title\x1b[6n\x07") == [Question.CURSOR, Sign.BELL]
    assert kinds(b"\x1b]11;?\x1b", b"[6n\x07") == [Question.CURSOR, Sign.BELL]
    assert kinds(b"\x1b]0;a title\x1b]2;another\x07") == [Sign.TITLE]


def test_bells_of_plain_text_are_one_for_each_chunk() -> None:
    assert kinds(b"\x07text\x07", b"\x07") == [Sign.BELL, Sign.BELL]
    assert [bell.end for bell in found(b"\x07text\x07", b"\x07")] == [6, 7]


def test_what_a_string_says_is_told_without_its_wrapping() -> None:
    assert found(b"\x1b]2;vim \xe4\xb8\xad\x1b\\")[0].text == b"vim \xe4\xb8\xad"
    assert found(b"\x1b]7;file://h/tmp\x07")[0].text == b"file://h/tmp"
    assert found(b"\x1b]133;D;1\x07")[0].text == b"D;1"
    assert found(b"\x1b]11;?\x1b\\")[0].text == b"\x1b]11;?\x1b\\"


@pytest.mark.parametrize("cut", [5, 5_000, 99_000])
def test_of_an_endless_title_the_beginning_is_kept(cut: int) -> None:
    output = b"\x1b]0;" + b"x" * 100_000 + b"\x07"
    for parts in ([output], [output[:cut], output[cut:]]):
        (title,) = found(*parts)
        assert title.kind is Sign.TITLE
        assert title.text == b"x" * (LONGEST_STRING - len(b"\x1b]0;"))
        assert title.end == len(output)


@pytest.mark.parametrize(
    ("output", "kind"),
    [
        (b"\x1b[6n", Question.CURSOR),
        (b"\x1b[?6n", Question.CURSOR_DEC),
        (b"\x1b[5n", Question.STATUS),
        (b"\x1b[?996n", Question.SCHEME),
        (b"\x1b[c", Question.DEVICE_1),
        (b"\x1b[0c", Question.DEVICE_1),
        (b"\x1b[>c", Question.DEVICE_2),
        (b"\x1b[=c", Question.DEVICE_3),
        (b"\x1b[?2026$p", Question.MODE),
        (b"\x1b[4$p", Question.MODE),
        (b"\x1b[>0q", Question.VERSION),
        (b"\x1b[?u", Question.KEYBOARD),
        (b"\x1b[14t", Question.WINDOW),
        (b"\x1b[18t", Question.WINDOW),
        (b"\x1b]11;?\x07", Question.COLOUR),
        (b"\x1b]10;?;?\x1b\\", Question.COLOUR),
        (b"\x1b]4;7;?\x1b\\", Question.COLOUR),
        (b"\x1bP$qm\x1b\\", Question.SETTING),
        (b"\x1bP+q544e\x1b\\", Question.CAPABILITY),
        (b"\x1b[?2004h", Sign.PASTE_ON),
        (b"\x1b[?1;2004l", Sign.PASTE_OFF),
        (b"\x1b]0;t\x07", Sign.TITLE),
        (b"\x1b]1;t\x1b\\", Sign.ICON),
        (b"\x1b]2;\x07", Sign.TITLE),
        (b"\x1b]7;file:///tmp\x1b\\", Sign.LOCATION),
        (b"\x1b]133;A\x07", Sign.PROMPT),
        (b"\x1b]133;D;0;aid=1\x1b\\", Sign.PROMPT),
    ],
)
def test_it_is_found_whole_and_cut_anywhere(output: bytes, kind: Question | Sign) -> None:
    whole = found(b"before" + output + b"after")
    assert [(finding.kind, finding.end) for finding in whole] == [(kind, 6 + len(output))]
    for cut in range(1, len(output)):
        assert found(b"before" + output[:cut], output[cut:] + b"after") == whole, cut
    assert found(*(bytes((byte,)) for byte in b"before" + output)) == whole


@pytest.mark.parametrize(
    "output",
    [
        *[b"\x1b[3n", b"\x1b[1;1R", b"\x1b[?1;2c", b"\x1b[u", b"\x1b[22;0t", b"\x1b[8;24;80t", b"\x1b]11;#fff\x07"],
        *[b"\x1b]52;c;?\x07", b"\x1b]133;X\x07", b"\x1b]1337;x\x07", b"\x1bPq#0\x1b\\", b"\x1b[2 q", b"\x1b[!p"],
    ],
)
def test_what_wants_no_answer_is_no_question(output: bytes) -> None:
    assert found(output) == []


def test_of_who_does_nothing_but_ask_only_the_rest_is_heard() -> None:
    scanner = Scanner()
    scanner.asks = False
    said = scanner.feed(b"\x1b[6n\x1b]0;title\x07\x1b[c\x07\x1b[?2004h\x1b[6n")
    assert [finding.kind for finding in said] == [Sign.TITLE, Sign.BELL, Sign.PASTE_ON]
    scanner.asks = True
    assert [finding.kind for finding in scanner.feed(b"\x1b[6n")] == [Question.CURSOR]


def test_after_a_jump_nothing_of_before_is_remembered() -> None:
    scanner = Scanner()
    scanner.feed(b"\x1b]0;half a ti")
    scanner.jump(500)
    assert [bell.kind for bell in scanner.feed(b"\x07")] == [Sign.BELL]
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
        b"\x1b]7;file:///x",
        b"\x1b]133;D;1",
        b"\x1b\\",
        b"\x1bP$q",
        b"\x18",
        b"\x1b[31m",
    ]
)


def told(findings: list[Finding]) -> list[tuple[Question | Sign, bytes, int]]:
    """Bells of plain text are as many as the chunks they come in, so of several in a row the last."""
    return [
        (one.kind, one.text, one.end)
        for one, next_one in zip(findings, [*findings, None][1:], strict=True)
        if not (one.kind is Sign.BELL and next_one is not None and next_one.kind is Sign.BELL)
    ]


@given(st.lists(TOKENS, max_size=30), st.lists(st.integers(0, 200), max_size=6))
def test_cuts_change_nothing(tokens: list[bytes], cuts: list[int]) -> None:
    output = b"".join(tokens)
    bounds = [0, *sorted(min(cut, len(output)) for cut in cuts), len(output)]
    assert told(found(*(output[a:b] for a, b in pairwise(bounds)))) == told(found(output))


@given(st.lists(TOKENS, min_size=1, max_size=30))
def test_every_cut_changes_nothing(tokens: list[bytes]) -> None:
    output = b"".join(tokens)
    whole = told(found(output))
    for cut in range(len(output)):
        assert told(found(output[:cut], output[cut:])) == whole, cut
