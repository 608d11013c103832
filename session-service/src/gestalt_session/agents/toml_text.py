"""TOML with the places of its keys, which tomllib does not tell."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from gestalt_session.agents.problems import Place

_AT = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)$")
_HEADER = re.compile(r"\s*\[\[?([^\[\]=]+)\]")
_KEY = re.compile(r"""\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=""")
_WORD = re.compile(r"""[A-Za-z0-9_-]+|"[^"]*"|'[^']*'""")
DEEPEST = 32  # tables in tables; dotted keys nest without end, and everything that walks them recurses
_PART = r"""(?:"(?:[^"\\\n]|\\.)*+"|'[^'\n]*+'|[A-Za-z0-9_-]++)"""
_ENDLESS = re.compile(rf"(?<![A-Za-z0-9_-])(?:{_PART}[ \t]*+\.[ \t]*+){{{2 * DEEPEST}}}")
"""A key that tomllib would need the square of its length in memory for."""
_TRIPLE = re.compile(r"\"\"\"|'''")


class BadToml(Exception):
    """The text is no TOML; the place is where the parser gave up."""

    def __init__(self, message: str, place: Place | None) -> None:
        super().__init__(message)
        self.place = place


class Document(Struct, frozen=True):
    """A parsed text. `places`: where each dotted key is set, the first time."""

    values: dict[str, Any]
    places: dict[str, Place]

    def place(self, key: str) -> Place | None:
        """Where a key is set, or else the table that holds it."""
        while key not in self.places and "." in key:
            key = key.rpartition(".")[0]
        return self.places.get(key)


def parse(text: str) -> Document:
    """Raises BadToml, also for what is nested too deep or has numbers of thousands of digits."""
    if _ENDLESS.search(text):
        raise BadToml("nested too deep", None)
    try:
        values = tomllib.loads(text)
    except RecursionError:
        raise BadToml("nested too deep", None) from None
    except ValueError as error:
        message = str(error)
        raise BadToml(_AT.sub("", message), _place_of(message, text)) from error
    if _too_deep(values):
        raise BadToml("nested too deep", None)
    return Document(values, dict(_places(text)))


def _too_deep(values: dict[str, Any]) -> bool:
    level: list[Any] = [values]
    for _ in range(DEEPEST):
        level = [inner for value in level for inner in _inside(value)]
    return bool(level)


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _place_of(message: str, text: str) -> Place | None:
    at = _AT.search(message)
    if at is None:
        return None
    if at[1]:
        return Place(int(at[1]), int(at[2]))
    lines = text.splitlines() or [""]
    return Place(len(lines), len(lines[-1]) + 1)


def _places(text: str) -> Iterator[tuple[str, Place]]:
    """Keys and tables, the last line first, so that in a dict the first one wins."""
    found = list(_walk(text))
    yield from reversed(found)


def _walk(text: str) -> Iterator[tuple[str, Place]]:
    table, inside = "", ""
    for number, line in enumerate(text.splitlines(), 1):
        if not inside:
            header, key = _HEADER.match(line), _KEY.match(line)
            if key is not None:
                yield _dotted(table, key[1]), Place(number, key.start(1) + 1)
            elif header is not None:
                table = _dotted("", header[1])
                yield table, Place(number, header.start(1) + 1)
        inside = _left_open(line, inside)


def _left_open(line: str, inside: str) -> str:
    """Which triple quote is open at the end of a line."""
    for quote in _TRIPLE.findall(line):
        if not inside:
            inside = quote
        elif quote == inside:
            inside = ""
    return inside


def _dotted(table: str, key: str) -> str:
    words = [word.strip("\"'") for word in _WORD.findall(key)]
    return ".".join([table, *words] if table else words)
