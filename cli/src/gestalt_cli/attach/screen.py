"""What the session's output has done to this terminal, so that it can be undone. Pure."""

from __future__ import annotations

import re

MODES = frozenset({1, 5, 6, 9, 45, 47, 66, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1015, 1016}) | frozenset(
    {1047, 1049, 2004, 2026, 2031, 2048}
)
"""Private modes that are off in a terminal at rest: keys, mouse, focus, paste, the alternate screen, …"""
AUTOWRAP, CURSOR = 7, 25
"""Those that are on."""
PLAIN = b"\x1b[0m\x1b(B\x0f\x1b>"
"""No colours, ASCII, ordinary keypad."""
UNSTACK_KEYS = b"\x1b[<99u"
PLAIN_KEYS = b"\x1b[>4;0m"
NO_MARGINS = b"\x1b7\x1b[r\x1b8"
"""Resetting the margins moves the cursor: it is saved before and put back after."""
LONGEST_SEQUENCE = 64 * 1024
"""A sequence that is longer never ends, as far as we care."""
_SEQUENCE = re.compile(rb"\x1b\[(?:\?([\d;]+)([hl])|[>=][\d;]*(u)|>4(?:;(\d))?(m)|(\d*;?\d*)(r))")
_WHOLE = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|[ -/]+[0-~]|[0-OQ-WYZ\\`-~])")
_OPENERS = (b"\x1b]", b"\x1bP", b"\x1bX", b"\x1b^", b"\x1b_")
_OPEN_STRING = re.compile(rb"\x1b[\]PX^_][^\x07\x1b]*\x1b?\Z")
_LAST_CHARACTER_BYTES = 3
_LENGTHS = ((0xF0, 4), (0xE0, 3), (0xC0, 2))
_NEVER = 0xF8
"""Leading bytes of UTF-8 and how long their characters are; from `_NEVER` on there are none."""


class Screen:
    """Follows the output. `undo()` puts the terminal back, `at_rest` says whether something of ours may be written."""

    def __init__(self) -> None:
        self._on: set[int] = set()
        self._off: set[int] = set()
        self._stacked = self._other_keys = self._margins = False
        self._sequence = b""
        self._text = b""

    def saw(self, data: bytes) -> None:
        """Take what is written to the terminal."""
        data = self._sequence + data
        for found in _SEQUENCE.finditer(data):
            self._note(found)
        self._sequence = _unfinished(data)
        self._text = data[-_LAST_CHARACTER_BYTES:]

    @property
    def at_rest(self) -> bool:
        """Whether the output so far ends outside of any sequence and any character."""
        return not self._sequence and not _splits_character(self._text)

    def undo(self) -> bytes:
        """What puts the terminal back, whatever the program left."""
        parts = [] if self.at_rest else [b"\x18"]  # CAN ends a sequence that was cut off
        parts += [NO_MARGINS] if self._margins else []
        parts += [UNSTACK_KEYS] if self._stacked else []
        parts += [PLAIN_KEYS] if self._other_keys else []
        parts += [b"\x1b[?%dh" % mode for mode in sorted(self._off)]
        parts += [b"\x1b[?%dl" % mode for mode in sorted(self._on)]
        return b"".join([*parts, PLAIN])

    def _note(self, found: re.Match[bytes]) -> None:
        modes, switch, stacked, other_keys, other, margins, margin = found.groups()
        if modes:
            for mode in modes.split(b";"):
                self._switch(int(mode or b"0"), on=switch == b"h")
        self._stacked = self._stacked or bool(stacked)
        self._other_keys = other_keys in {b"1", b"2"} if other else self._other_keys
        self._margins = bool(margins) if margin else self._margins

    def _switch(self, mode: int, *, on: bool) -> None:
        if mode in MODES:
            (self._on.add if on else self._on.discard)(mode)
        elif mode in {AUTOWRAP, CURSOR}:
            (self._off.discard if on else self._off.add)(mode)


def _unfinished(data: bytes) -> bytes:
    """The sequence that the data ends in the middle of; empty if there is none."""
    begun = data.rfind(b"\x1b")
    if begun < 0:
        return b""
    opener = max(map(data.rfind, _OPENERS))
    if opener >= 0 and _OPEN_STRING.match(data, opener):
        begun = opener
    elif begun == opener or _WHOLE.match(data, begun):
        return b""
    return data[begun:] if len(data) - begun <= LONGEST_SEQUENCE else b""


def _splits_character(text: bytes) -> bool:
    """Whether the text ends within a UTF-8 character."""
    for back, byte in enumerate(reversed(text), 1):
        if byte & 0xC0 != 0x80:  # noqa: PLR2004 - not one that continues a character
            return back < next((length for first, length in _LENGTHS if first <= byte < _NEVER), 1)
    return False
