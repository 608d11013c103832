"""Answers are given once each, in the order of the questions."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gestalt_session.terminal.questions import MOST_OPEN, Open, Questions


def test_without_questions_there_are_no_answers() -> None:
    assert Questions().take() == (b"", 0)


def test_what_is_known_waits_for_what_was_asked_before() -> None:
    questions = Questions()
    first = questions.ask(4, None)
    questions.ask(8, b"b")
    assert questions.take() == (b"", 0)
    first.answer = b"a"
    assert questions.take() == (b"ab", 8)
    assert questions.take() == (b"", 8)


def test_one_that_is_open_keeps_the_later_ones_from_being_settled() -> None:
    questions = Questions()
    questions.ask(4, b"a")
    questions.ask(8, None)
    questions.pass_over(12)
    assert questions.take() == (b"a", 4)


def test_one_that_is_passed_over_is_settled_with_the_last_before_it() -> None:
    questions = Questions()
    waits = questions.ask(4, None)
    questions.pass_over(8)
    assert questions.take() == (b"", 0)
    waits.answer = b"a"
    assert questions.take() == (b"a", 8)


def test_there_is_a_bound() -> None:
    questions = Questions()
    for number in range(MOST_OPEN):
        assert not questions.full
        questions.ask(number, None)
    assert questions.full


@given(st.data())
def test_each_answer_comes_once_and_in_order(data: st.DataObject) -> None:
    questions, asked, given_out = Questions(), [], b""
    waiting: list[tuple[int, Open]] = []
    for number in range(data.draw(st.integers(0, 30))):
        known = data.draw(st.booleans())
        question = questions.ask(number + 1, bytes((number,)) if known else None)
        asked.append(number)
        if not known:
            waiting.append((number, question))
        if waiting and data.draw(st.booleans()):
            settled, late = waiting.pop(data.draw(st.integers(0, len(waiting) - 1)))
            late.answer = bytes((settled,))
        answers, end = questions.take()
        given_out += answers
        assert end == len(given_out)
    for number, question in waiting:
        question.answer = bytes((number,))
    given_out += questions.take()[0]
    assert given_out == bytes(asked)
