from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gestalt_cli.attach.screen import LONGEST_SEQUENCE, PLAIN, Screen


def seen(*chunks: bytes) -> Screen:
    screen = Screen()
    for chunk in chunks:
        screen.saw(chunk)
    return screen


@pytest.mark.parametrize(
    "output",
    [
        b"\x1b",
        b"\x1b[",
        b"\x1b[3",
        b"\x1b[38;5",
        b"\x1b]2;a title",
        b"\x1b]2;a title\x1b",
        b"\x1bP+q544e",
        b"\x1b(",
        "ä".encode()[:1],
        "漢".encode()[:2],
        "😀".encode()[:3],
        b"\x1b]0;one\x07text\x1b",
    ],
)
def test_within_a_sequence_or_a_character_it_is_not_at_rest(output: bytes) -> None:
    assert not seen(b"text" + output).at_rest


@pytest.mark.parametrize(
    "output",
    [
        b"",
        b"text",
        b"\x1b[31mred",
        b"\x1b[?25l",
        b"\x1b]2;title\x07",
        b"\x1b]2;title\x1b\\",
        b"\x1bP+q544e\x1b\\",
        b"\x1b(B",
        b"\x1bM",
        b"\x1b]2;broken off\x1b[0m",
        "ä漢😀".encode(),
        b"\xff",
        b"\x1b]" + b"x" * (LONGEST_SEQUENCE + 1),
    ],
)
def test_outside_it_is(output: bytes) -> None:
    assert seen(output).at_rest


def test_nothing_is_undone_but_what_was_done() -> None:
    assert seen(b"plain text\r\n").undo() == PLAIN
    assert seen(b"\x1b[?1049h\x1b[?1049l\x1b[?25l\x1b[?25h").undo() == PLAIN


@pytest.mark.parametrize(
    ("output", "undone"),
    [
        (b"\x1b[?1049h", b"\x1b[?1049l"),
        (b"\x1b[?25l", b"\x1b[?25h"),
        (b"\x1b[?7l", b"\x1b[?7h"),
        (b"\x1b[?1000;1006h", b"\x1b[?1000l\x1b[?1006l"),
        (b"\x1b[?2004h", b"\x1b[?2004l"),
        (b"\x1b[>1u", b"\x1b[<99u"),
        (b"\x1b[>4;2m", b"\x1b[>4;0m"),
        (b"\x1b[2;20r", b"\x1b7\x1b[r\x1b8"),
    ],
)
def test_each_mode_is_undone(output: bytes, undone: bytes) -> None:
    assert seen(output).undo() == undone + PLAIN


@given(st.integers(1, 60))
def test_it_does_not_matter_where_output_is_cut(cut: int) -> None:
    output = b"\x1b[?1049h\x1b]2;t\x1b\\\x1b[?25l\x1b[?2004h\x1b[>1utext\x1b[?25h\x1b[1;5r\x1b[r"
    assert seen(output[:cut], output[cut:]).undo() == seen(output).undo()


def test_what_is_cut_off_is_ended_first() -> None:
    assert seen(b"\x1b[3").undo() == b"\x18" + PLAIN
