"""What is wrong with a file of the configuration, and where."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct


class Problem(Struct, frozen=True):
    """One finding. `message` can stand alone: it names the file and, where it is known, the line."""

    file: str
    line: int | None
    column: int | None
    key: str | None
    message: str


class Place(Struct, frozen=True):
    """Line and column in a text, both from 1."""

    line: int
    column: int


def problem(path: Path, text: str, *, key: str | None = None, place: Place | None = None) -> Problem:
    """A finding in the words `<file>: line <n>: <key>: <text>`, less what is not known."""
    where = path.name if place is None else f"{path.name}: line {place.line}"
    said = f"{key}: {text}" if key else text
    return Problem(
        file=str(path),
        line=place.line if place else None,
        column=place.column if place else None,
        key=key,
        message=f"{where}: {said}",
    )
