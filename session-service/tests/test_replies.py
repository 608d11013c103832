"""Replies of viewers' terminals are dropped, keys never are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gestalt_session.terminal.questions import Open
from gestalt_session.terminal.replies import MOST_REMEMBERED, OPEN_SECONDS, Replies

SHIFT_F3 = b"\x1b[1;2R"
CTRL_F3 = b"\x1b[1;5R"
PLACE = b"\x1b[12;40R"


class Viewer:
    """How far it was sent the output."""

    def __init__(self, cursor: int = 0) -> None:
        self.cursor = cursor


@pytest.mark.parametrize(
    "reply",
    [
        *[PLACE, b"\x1b[?12;40R", b"\x1b[?3;4;1R", b"\x1b[0n", b"\x1b[?997;1n", b"\x1b[?62;22c", b"\x1b[>0;276;0c"],
        *[b"\x1bP!|00000000\x1b\\", b"\x1b[?2026;2$y", b"\x1b[4;2$y", b"\x1bP>|xterm.js(5.5)\x1b\\", b"\x1b[?0u"],
        *[b"\x1b[8;24;80t", b"\x1b[48;24;80;480;800t", b"\x1b]11;rgb:0000/0000/0000\x1b\\", b"\x1b]ltitle\x1b\\"],
        *[b"\x1b]4;1;rgb:ff/00/00\x07", b"\x1bP1$r0m\x1b\\", b"\x1bP1+r544e=787465726d\x1b\\", b"\x1b_Gi=1;OK\x1b\\"],
        *[b"\x1b[?1;2c" + PLACE, b"\x1b[?1;2c" + SHIFT_F3],
    ],
)
def test_a_frame_of_replies_is_dropped(reply: bytes) -> None:
    assert Replies().admit(reply, Viewer(), 0.0) == b""


@pytest.mark.parametrize(
    "typed",
    [
        *[b"x", b"\x1b", b"\x1b[A", b"\x1bOR", b"\x1b[13~", b"\x1b[97;5u", b"\x1b[<0;3;4M", b"\x1b[I", SHIFT_F3],
        *[PLACE + b"x", b"x" + PLACE, b"\x1b[200~" + PLACE + b"\x1b[201~", CTRL_F3 * 3, b"\x1b]52;c;eA==\x07"],
    ],
)
def test_what_is_typed_passes_whole(typed: bytes) -> None:
    assert Replies().admit(typed, Viewer(), 0.0) == typed


def test_shift_f3_is_a_key_for_who_has_not_seen_a_question() -> None:
    replies = Replies()
    replies.expect(Open(100, SHIFT_F3), 0.0)
    assert replies.admit(SHIFT_F3, Viewer(99), 0.0) == SHIFT_F3


def test_it_is_a_reply_for_who_has_seen_one_and_says_what_the_worker_said() -> None:
    replies, viewer = Replies(), Viewer(100)
    replies.expect(Open(100, SHIFT_F3), 0.0)
    assert replies.admit(SHIFT_F3, viewer, 0.0) == b""
    assert replies.admit(SHIFT_F3, viewer, 0.0) == SHIFT_F3, "it has answered"
    assert replies.admit(SHIFT_F3, Viewer(100), 0.0) == b"", "another viewer has not"


def test_it_is_a_reply_while_the_worker_itself_does_not_know_the_answer() -> None:
    replies = Replies()
    replies.expect(Open(100, None), 0.0)
    assert replies.admit(SHIFT_F3, Viewer(100), 0.0) == b""


def test_it_is_a_key_where_the_cursor_was_elsewhere_unless_that_terminal_is_known_to_answer() -> None:
    replies, person, browser = Replies(), Viewer(400), Viewer(100)
    for end in (100, 200, 300):
        replies.expect(Open(end, PLACE), 0.0)
    assert replies.admit(PLACE, browser, 0.0) == b""
    browser.cursor = 400
    assert replies.admit(SHIFT_F3, browser, 0.0) == b"", "a terminal of another size"
    assert replies.admit(SHIFT_F3, person, 0.0) == SHIFT_F3


def test_a_terminal_that_answers_other_questions_answers_this_one_too() -> None:
    replies, browser = Replies(), Viewer(100)
    assert replies.admit(b"\x1b[?1;2c", browser, 0.0) == b""
    replies.expect(Open(100, PLACE), 0.0)
    assert replies.admit(SHIFT_F3, browser, 0.0) == b""
    assert replies.admit(SHIFT_F3, browser, 0.0) == SHIFT_F3


def test_who_does_not_answer_in_time_does_not_answer() -> None:
    replies = Replies()
    replies.expect(Open(100, SHIFT_F3), 0.0)
    assert replies.admit(SHIFT_F3, Viewer(100), OPEN_SECONDS) == SHIFT_F3


def test_what_is_remembered_is_bounded() -> None:
    replies = Replies()
    for end in range(1, 3 * MOST_REMEMBERED):
        replies.expect(Open(end, SHIFT_F3), 0.0)
    dropped, viewer = 0, Viewer(3 * MOST_REMEMBERED)
    while not replies.admit(SHIFT_F3, viewer, 0.0):
        dropped += 1
    assert MOST_REMEMBERED // 2 <= dropped <= MOST_REMEMBERED


@given(st.integers(1, 5), st.integers(0, 40), st.randoms())
def test_every_viewer_may_answer_every_question_once(viewers: int, questions: int, order: object) -> None:
    replies, watching = Replies(), [Viewer(1_000) for _ in range(viewers)]
    for number in range(questions):
        replies.expect(Open(number + 1, SHIFT_F3), 0.0)
    frames = [viewer for viewer in watching for _ in range(questions)]
    order.shuffle(frames)  # type: ignore[attr-defined]
    assert all(replies.admit(SHIFT_F3, viewer, 0.0) == b"" for viewer in frames)
    assert all(replies.admit(SHIFT_F3, viewer, 0.0) == SHIFT_F3 for viewer in watching)


@given(st.binary(max_size=40))
def test_whatever_else_is_typed_passes_whole_or_was_a_reply(frame: bytes) -> None:
    assert Replies().admit(frame, Viewer(), 0.0) == frame or frame.startswith(b"\x1b")
