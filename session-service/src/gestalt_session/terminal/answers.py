"""What a terminal answers to the questions of a program, but for those that only the screen can answer. Pure.

The answers are those of xterm.js, which every viewer in a browser is, where it has one: a program that asked sees the
same terminal with and without a viewer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from msgspec import Struct

from gestalt_session.terminal.scanner import Finding, Question, Sign
from gestalt_session.terminal.theme import THEMES, Look

CELL_WIDTH, CELL_HEIGHT = 10, 20
"""Pixels that a cell counts for where a program asks in pixels: those of a VT340, since every viewer has its own."""

SCREEN_QUESTIONS = frozenset({Question.CURSOR, Question.CURSOR_DEC, Question.MODE, Question.SETTING, Question.KEYBOARD})
"""The answers depend on all that was written before."""

MOST_COLOURS = 256  # of one question
TERMINAL_NAME = b"xterm-256color"
_ST = b"\x1b\\"
_NUMBER = re.compile(rb"\d+")
_CONSTANT: dict[Question | Sign, bytes] = {
    Question.STATUS: b"\x1b[0n",
    Question.DEVICE_1: b"\x1b[?1;2c",
    Question.DEVICE_2: b"\x1b[>0;276;0c",
    Question.DEVICE_3: b"\x1bP!|00000000" + _ST,
    Question.VERSION: b"\x1bP>|xterm.js(6.0.0)" + _ST,
}
_UNKNOWN: dict[Question | Sign, bytes] = {
    Question.CURSOR: b"\x1b[1;1R",
    Question.CURSOR_DEC: b"\x1b[?1;1R",
    Question.KEYBOARD: b"\x1b[?0u",
    Question.SETTING: b"\x1bP0$r" + _ST,
}
_CAPABILITIES = {b"TN": TERMINAL_NAME, b"name": TERMINAL_NAME, b"Co": b"256", b"colors": b"256", b"RGB": b"8"}


class Facts(Struct, frozen=True):
    """What the worker knows of a terminal by itself."""

    cols: int
    rows: int
    look: Look


def own_answer(found: Finding, facts: Facts) -> bytes | None:
    """What the worker answers at once; None when the screen must be asked."""
    if found.kind in SCREEN_QUESTIONS:
        return None
    constant = _CONSTANT.get(found.kind)
    return constant if constant is not None else _OWN[found.kind](found.text, facts)


def without_screen(found: Finding) -> bytes:
    """What is answered where nobody knows the screen: the upper left corner, and that nothing else is recognised."""
    return _UNKNOWN.get(found.kind) or found.text[:-2] + b";0$y"


def _scheme(_: bytes, facts: Facts) -> bytes:
    return b"\x1b[?997;%dn" % (1 if facts.look is Look.DARK else 2)


def _window(question: bytes, facts: Facts) -> bytes:
    """Titles are never told: whoever may write to a terminal could have them typed."""
    cols, rows = facts.cols, facts.rows
    number = int(_NUMBER.findall(question)[0])
    return {
        11: b"\x1b[1t",
        13: b"\x1b[3;0;0t",
        14: b"\x1b[4;%d;%dt" % (rows * CELL_HEIGHT, cols * CELL_WIDTH),
        15: b"\x1b[5;%d;%dt" % (rows * CELL_HEIGHT, cols * CELL_WIDTH),
        16: b"\x1b[6;%d;%dt" % (CELL_HEIGHT, CELL_WIDTH),
        18: b"\x1b[8;%d;%dt" % (rows, cols),
        19: b"\x1b[9;%d;%dt" % (rows, cols),
        20: b"\x1b]L" + _ST,
        21: b"\x1b]l" + _ST,
    }[number]


def _colours(question: bytes, facts: Facts) -> bytes:
    """One answer for each colour that is asked for, each ended as the question is."""
    terminator = b"\x07" if question.endswith(b"\x07") else _ST
    told = [
        b"\x1b]%s;rgb:%s%s" % (name, _rgb(colour), terminator)
        for name, colour in _asked_colours(question[2 : -len(terminator)], facts)
        if colour is not None
    ]
    return b"".join(told[:MOST_COLOURS])


def _asked_colours(question: bytes, facts: Facts) -> Iterator[tuple[bytes, int | None]]:
    theme = THEMES[facts.look]
    first, *rest = question.split(b";")
    if first == b"4":
        for index in rest[::2]:
            yield b"4;" + index, theme.indexed(int(index[:4]))
        return
    for number, _ in enumerate(rest, int(first)):
        yield b"%d" % number, theme.dynamic(number)


def _rgb(colour: int) -> bytes:
    """Each channel twice: sixteen bits of it."""
    return b"/".join(b"%02x%02x" % (channel, channel) for channel in colour.to_bytes(3, "big"))


def _capabilities(question: bytes, _: Facts) -> bytes:
    """XTGETTCAP: names and values in hexadecimal; of several names the first that is not known ends it, as in xterm."""
    names = question.removeprefix(b"\x1bP+q").removesuffix(_ST).removesuffix(b"\x07").split(b";")
    known = []
    for name in names:
        value = _CAPABILITIES.get(_unhex(name))
        if value is None:
            break
        known.append(name + b"=" + value.hex().encode())
    return (b"\x1bP1+r" + b";".join(known) if known else b"\x1bP0+r") + _ST


def _unhex(name: bytes) -> bytes:
    try:
        return bytes.fromhex(name.decode("ascii"))
    except ValueError:
        return b""


_OWN: dict[Question | Sign, Callable[[bytes, Facts], bytes]] = {
    Question.SCHEME: _scheme,
    Question.WINDOW: _window,
    Question.COLOUR: _colours,
    Question.CAPABILITY: _capabilities,
}
