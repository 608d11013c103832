"""One answer for each question: the first viewer's, or the worker's in their place."""

from __future__ import annotations

from gestalt_session.terminal.questions import CURSOR_ANSWER, OPEN_SECONDS, VIEWER_SECONDS, Questions
from gestalt_session.terminal.scanner import Question

REPLY = b"\x1b[12;40R"


def test_a_reply_to_nothing_is_dropped() -> None:
    assert Questions().admit(REPLY) == b""


def test_the_second_reply_is_dropped() -> None:
    questions = Questions()
    questions.ask(Question.CURSOR, 0.0, somebody_types=True)
    assert [questions.admit(REPLY), questions.admit(REPLY)] == [REPLY, b""]


def test_keystrokes_pass_and_so_does_a_frame_of_replies_and_more() -> None:
    questions = Questions()
    assert questions.admit(b"\x1b[A") == b"\x1b[A"
    assert questions.admit(REPLY + b"x") == REPLY + b"x"


def test_shift_f3_is_a_key_unless_a_cursor_query_is_open() -> None:
    questions = Questions()
    assert questions.admit(b"\x1b[1;2R") == b"\x1b[1;2R"
    questions.ask(Question.CURSOR, 0.0, somebody_types=True)
    assert questions.admit(b"\x1b[1;2R") == b"\x1b[1;2R"
    assert len(questions) == 0


def test_replies_to_several_questions_in_one_frame_pass_those_that_are_awaited() -> None:
    questions = Questions()
    questions.ask(Question.DEVICE_1, 0.0, somebody_types=True)
    assert questions.admit(b"\x1b[?62;22c" + REPLY) == b"\x1b[?62;22c"


def test_without_a_writing_viewer_the_worker_answers_at_once() -> None:
    questions = Questions()
    assert questions.ask(Question.CURSOR, 0.0, somebody_types=False) == CURSOR_ANSWER
    assert questions.admit(REPLY) == b""


def test_a_viewer_that_does_not_answer_in_time_is_answered_for() -> None:
    questions = Questions()
    assert questions.ask(Question.CURSOR, 0.0, somebody_types=True) == b""
    assert questions.next_due() == VIEWER_SECONDS
    assert questions.due(VIEWER_SECONDS - 0.01) == b""
    assert questions.due(VIEWER_SECONDS) == CURSOR_ANSWER
    assert questions.admit(REPLY) == b""


def test_what_nobody_can_answer_is_forgotten_in_time() -> None:
    questions = Questions()
    questions.ask(Question.COLOUR, 0.0, somebody_types=True)
    assert questions.due(OPEN_SECONDS) == b""
    assert questions.next_due() is None
