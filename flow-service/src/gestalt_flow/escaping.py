"""Text of an event made harmless for whoever reads it: what is escaped, and how, depends on where it stands. Pure."""

from __future__ import annotations

import html
import json
import re
from enum import StrEnum
from urllib.parse import quote_plus

OPENED, CLOSED = "\ue000", "\ue001"
"""Marks of our own in a rendered text (private use; taken out of foreign text): data begins, data ends."""

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ue000\ue001]")
_NEWLINES = re.compile(r"\r\n?|\u2028|\u2029|\x85")
_BIDI = re.compile(r"[\u202a-\u202e\u2066-\u2069\u200e\u200f]")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][-+]?[0-9]{1,3})?")
_CONSTANTS = frozenset({"true", "false", "null"})
_LITERAL = re.compile(r'\\.|"', re.DOTALL)


class Target(StrEnum):
    """Who reads what is rendered."""

    PLAIN = "plain"  # a page, a title
    TERMINAL = "terminal"  # typed: no control character of the event may arrive there
    TEXT = "text"  # of a request, in a format that nobody named: as it is
    JSON = "json"
    FORM = "form"
    MARKUP = "markup"


def foreign(value: str, target: Target) -> str:
    """A value without escape sequences, key presses and hidden direction, where a person or a program looks at it."""
    if target in {Target.PLAIN, Target.TERMINAL}:
        value = readable(value)
    return re.sub(r"[\n\t]", " ", value) if target is Target.TERMINAL else value  # a tab completes, in a shell


def readable(value: str) -> str:
    """Lines of text, and nothing that a terminal acts on."""
    return _BIDI.sub("", _CONTROLS.sub("", _NEWLINES.sub("\n", value)))


class Place:
    """Where the next token of a JSON text stands: in a string literal, or by itself."""

    def __init__(self) -> None:
        self.is_quoted = False

    def after(self, literal: str) -> None:
        """The text goes on with `literal`."""
        for found in _LITERAL.finditer(literal):
            if found[0] == '"':
                self.is_quoted = not self.is_quoted


def placed(value: str, target: Target, *, is_quoted: bool, is_json: bool) -> str:
    """A value as its place takes it. `is_json`: its author has made JSON of it."""
    if target is Target.JSON:
        return json.dumps(value, ensure_ascii=False)[1:-1] if is_quoted else value if is_json else _alone(value)
    if target is Target.FORM:
        return quote_plus(value, errors="replace")
    return html.escape(value) if target is Target.MARKUP else value


def _alone(value: str) -> str:
    """A value that is no part of a string: a number or a constant stays one, all else becomes a string."""
    if not value:
        return "null"
    return value if value in _CONSTANTS or _NUMBER.fullmatch(value) else json.dumps(value, ensure_ascii=False)
