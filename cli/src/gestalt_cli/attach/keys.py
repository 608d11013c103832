r"""Detach keys: how they are written, and how they are found in what is typed. Pure.

A terminal may tell a key as one byte (`^\\` is 0x1c), or, when the program asked for it, as a sequence
(`ESC [ 92 ; 5 u`, `ESC [ 27 ; 5 ; 92 ~`): agents do ask. Both are the same key here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

DEFAULT = "ctrl-\\"
NAMED = {"enter": "\r", "esc": "\x1b", "tab": "\t", "space": " "}
ENTER = "\r"
_CONTROLLED = "abcdefghijklmnopqrstuvwxyz@[\\]^_"
_REPORT = re.compile(rb"\x1b\[(?:(\d+)(?::\d*)*(?:;(\d+)(?::(\d+))?(?:;[\d:]*)?)?u|27;(\d+);(\d+)~)")
_UNFINISHED_REPORT = re.compile(rb"\x1b\[\d[\d:;]*\Z")
"""The beginning of a report at the end of what was read: nobody types that far by hand, so it may wait for its end."""
_LONGEST_REPORT = 32
_SHIFT, _CTRL, _LOCKS = 1, 4, 64 | 128
_RELEASED = b"3"


class BadKeys(ValueError):
    """What was written names no keys."""


def parse(text: str) -> tuple[str, ...]:
    r"""The keys of `ctrl-\`, `ctrl-p,ctrl-q`, `enter,~,.`; none for an empty text or `none`. Raises BadKeys."""
    if text in {"", "none"}:
        return ()
    return tuple(_key(name) for name in text.split(","))


def _key(name: str) -> str:
    """One key as the character it sends."""
    lowered = name.lower()
    if lowered in NAMED:
        return NAMED[lowered]
    kind, _, letter = lowered.partition("-")
    if kind == "ctrl" and len(letter) == 1 and letter in _CONTROLLED:
        return chr(ord(letter.upper()) & 0x1F)
    if len(name) == 1 and name.isascii() and name.isprintable():
        return name
    names = ", ".join(NAMED)
    raise BadKeys(f"detach keys are ctrl-<letter>, {names} or one character, separated by commas, not {name!r}")


class Typed(Struct, frozen=True):
    """One key: the bytes that told it, and the character it stands for (empty: no character, or its release)."""

    data: bytes
    key: str


def keys_in(data: bytes) -> Iterator[Typed]:
    """What was typed, split where a key of a detach sequence could be."""
    place = 0
    while place < len(data):
        report = _REPORT.match(data, place) if data[place] == 0x1B else None  # noqa: PLR2004 - ESC
        if report is not None:
            yield Typed(report[0], _meant(report))
            place = report.end()
        else:
            yield Typed(data[place : place + 1], chr(data[place]))
            place += 1


def _meant(report: re.Match[bytes]) -> str:
    """The character of a reported key, control applied."""
    code = int(report[1] or report[5])
    modifiers = (int(report[2] or report[4] or 1) - 1) & ~_LOCKS
    if report[3] == _RELEASED or code > 0x7F:  # noqa: PLR2004 - ASCII's end
        return ""
    letter = chr(code)
    if modifiers == _CTRL and letter.lower() in _CONTROLLED:
        return chr(ord(letter.upper()) & 0x1F)
    return letter if modifiers in {0, _SHIFT} else ""


class Scanner:
    """Finds the detach keys in what is typed.

    Keys that may begin the sequence are held back until it is clear that they do not. `enter` as its first key is not:
    as with ssh, it is the state of a line that has just begun.
    """

    def __init__(self, keys: tuple[str, ...]) -> None:
        self._keys = keys
        self._matched = 0
        self._held = b""
        self._unfinished = b""

    def feed(self, data: bytes) -> tuple[bytes, bool]:
        """What of it goes to the session, and whether to detach; what follows the keys is dropped."""
        if not self._keys:
            return data, False
        data, self._unfinished = _without_unfinished(self._unfinished + data)
        passed = bytearray()
        for typed in keys_in(data):
            passed += self._take(typed)
            if self._matched == len(self._keys):
                return bytes(passed), True
        return bytes(passed), False

    def _take(self, typed: Typed) -> bytes:
        """One key; what goes on because of it."""
        if typed.key == self._keys[self._matched]:
            return self._one_more(typed)
        flushed, self._held, self._matched = self._held, b"", 0
        if typed.key == self._keys[0]:
            return flushed + self._one_more(typed)
        return flushed + typed.data

    def _one_more(self, typed: Typed) -> bytes:
        self._matched += 1
        if self._matched == 1 and typed.key == ENTER and len(self._keys) > 1:
            return typed.data
        self._held += typed.data
        return b""


def _without_unfinished(data: bytes) -> tuple[bytes, bytes]:
    """The data, and the beginning of a report that it ends with."""
    tail = _UNFINISHED_REPORT.search(data, max(0, len(data) - _LONGEST_REPORT))
    return (data, b"") if tail is None else (data[: tail.start()], data[tail.start() :])
