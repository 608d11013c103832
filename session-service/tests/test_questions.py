"""One answer for each question: the first viewer's, or the worker's in their place."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gestalt_session.terminal.questions import CURSOR_ANSWER, OPEN_SECONDS, VIEWER_SECONDS, Questions
from gestalt_session.terminal.scanner import Question

REPLY = b"\x1b[12;40R"


REPLIES = {
    Question.CURSOR: REPLY,
    Question.CURSOR_DEC: b"\x1b[?12;40R",
    Question.STATUS: b"\x1b[0n",
    Question.DEVICE_1: b"\x1b[?62;22c",
    Question.DEVICE_2: b"\x1b[>0;276;0c",
    Question.DEVICE_3: b"\x1bP!|00000000\x1b\\",
    Question.MODE: b"\x1b[?2026;2$y",
    Question.VERSION: b"\x1bP>|xterm.js(5.5)\x1b\\",
    Question.KEYBOARD: b"\x1b[?0u",
    Question.WINDOW: b"\x1b[8;24;80t",
    Question.COLOUR: b"\x1b]11;rgb:0000/0000/0000\x1b\\",
    Question.SETTING: b"\x1bP1$r0m\x1b\\",
    Question.CAPABILITY: b"\x1bP1+r544e=787465726d\x1b\\",
}


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


def test_every_question_has_its_reply_once() -> None:
    assert set(REPLIES) == set(Question)
    for question, reply in REPLIES.items():
        questions = Questions()
        assert questions.admit(reply) == b"", question
        questions.ask(question, 0.0, somebody_types=True)
        assert [questions.admit(reply), questions.admit(reply)] == [reply, b""], question


@given(st.lists(st.tuples(st.booleans(), st.sampled_from(Question)), max_size=40))
def test_as_many_replies_pass_as_were_asked_for(moves: list[tuple[bool, Question]]) -> None:
    questions, asked = Questions(), dict.fromkeys(Question, 0)
    for ask, question in moves:
        if ask:
            questions.ask(question, 0.0, somebody_types=True)
            asked[question] += 1
        else:
            passes = asked[question] > 0
            assert questions.admit(REPLIES[question]) == (REPLIES[question] if passes else b"")
            asked[question] -= passes
    assert len(questions) == sum(asked.values())


@given(st.binary(max_size=40))
def test_whatever_else_is_typed_passes_whole_or_was_a_reply(frame: bytes) -> None:
    assert Questions().admit(frame) == frame or frame.startswith(b"\x1b")
