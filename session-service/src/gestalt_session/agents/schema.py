"""Kinds of values, and whether a value is of one. The words are those of the reference."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

SHOWN_CHARACTERS = 160  # of a wrong value in a message


class Finding(Struct, frozen=True):
    """Something about one dotted key. A `grave` one makes the file unusable, others are warnings."""

    key: str
    text: str
    grave: bool = True


class Kind(Struct, frozen=True):
    """What a value may be. `name` is how messages call it."""

    name: str

    def findings(self, value: Any, key: str) -> Iterator[Finding]:
        """What is wrong with the value."""
        raise NotImplementedError


class Scalar(Kind, frozen=True):
    """A string, an int or a bool."""

    type: type

    def findings(self, value: Any, key: str) -> Iterator[Finding]:
        """A bool is no int."""
        if type(value) is not self.type:
            yield mismatch(self.name, value, key)


class OneOf(Kind, frozen=True):
    """A string of a list. With `grave` false the list may be older than the program: others are only warned of."""

    values: tuple[str, ...]
    grave: bool = True

    def findings(self, value: Any, key: str) -> Iterator[Finding]:
        """Unknown words."""
        if type(value) is not str:
            yield mismatch(self.name, value, key)
        elif value not in self.values:
            yield Finding(key, f"{_unexpected(self.name, value)}; known: {', '.join(self.values)}", self.grave)


class EitherOf(Kind, frozen=True):
    """A value of any of these kinds."""

    kinds: tuple[Kind, ...]

    def findings(self, value: Any, key: str) -> Iterator[Finding]:
        """None when one kind accepts it."""
        if all(any(kind.findings(value, key)) for kind in self.kinds):
            yield mismatch(self.name, value, key)


class ListOf(Kind, frozen=True):
    """A list of one kind."""

    kind: Kind

    def findings(self, value: Any, key: str) -> Iterator[Finding]:
        """Those of every item."""
        if not isinstance(value, list):
            yield mismatch(self.name, value, key)
            return
        for number, item in enumerate(value):
            yield from self.kind.findings(item, f"{key}[{number}]")


class MapOf(Kind, frozen=True):
    """A table with any keys, whose values are of one kind; None: of any."""

    kind: Kind | None = None

    def findings(self, value: Any, key: str) -> Iterator[Finding]:
        """Those of every value."""
        if not isinstance(value, dict):
            yield mismatch(self.name, value, key)
        elif self.kind is not None:
            for name, item in value.items():
                yield from self.kind.findings(item, f"{key}.{name}")


class Fields(Kind, frozen=True):
    """A table with known keys; unknown ones are passed on all the same, since programs grow keys faster than we do."""

    fields: Mapping[str, Kind]

    def findings(self, value: Any, key: str) -> Iterator[Finding]:
        """Those of every field."""
        if not isinstance(value, dict):
            yield mismatch(self.name, value, key)
            return
        for name, item in value.items():
            path = f"{key}.{name}" if key else name
            kind = self.fields.get(name)
            if kind is None:
                yield Finding(path, "unknown field", grave=False)
            else:
                yield from kind.findings(item, path)


STRING = Scalar("string", str)
INT = Scalar("int", int)
BOOL = Scalar("bool", bool)
STRINGS = ListOf("string[]", STRING)
TABLE = MapOf("object")


def enum(*values: str, grave: bool = True) -> OneOf:
    """One of these words."""
    return OneOf("enum", values, grave)


def either(*kinds: Kind) -> EitherOf:
    """One of these kinds."""
    return EitherOf(" or ".join(kind.name for kind in kinds), kinds)


def map_of(kind: Kind) -> MapOf:
    """A table of such values."""
    return MapOf("object", kind)


def fields(**kinds: Kind) -> Fields:
    """A table with these keys."""
    return Fields("object", kinds)


def mismatch(expected: str, value: Any, key: str) -> Finding:
    """The value is of another kind."""
    return Finding(key, _unexpected(expected, value))


def _unexpected(expected: str, value: Any) -> str:
    shown = json.dumps(value, ensure_ascii=False, default=str)
    if len(shown) > SHOWN_CHARACTERS:
        shown = shown[:SHOWN_CHARACTERS] + "…"
    return f"expected {expected}, got {type_name(value)} ({shown})"


def type_name(value: Any) -> str:
    """What messages call a value's type."""
    names = {str: "string", bool: "bool", int: "int", float: "float", list: "array", dict: "object"}
    return names.get(type(value), "datetime")
