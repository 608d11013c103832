"""Lists for people: columns under headings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any


def table(columns: Sequence[str], things: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The things, one a line, under a line of headings; `columns` are their keys."""
    rows = [[column.replace("_", " ").upper() for column in columns]]
    rows += [[cell(thing.get(column)) for column in columns] for thing in things]
    widths = [max(len(row[place]) for row in rows) for place in range(len(columns))]
    for row in rows:
        yield "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()


def cell(value: object) -> str:
    """A field on one line, without control characters: it may come from a program."""
    if value is None:
        return ""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in str(value)).split())
