"""Secrets by reference: `${secret:NAME}` stands for the variable GESTALT_SECRET_NAME, looked up when it is needed.

Only variables of that prefix can be named, so that a flow cannot send our own tokens away.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

PREFIX = "GESTALT_SECRET_"
_REFERENCE = re.compile(r"\$\{secret:([A-Za-z0-9_]{1,100})\}")


class NoSecret(Exception):
    """A variable that is not set; the message names it."""


def names_in(text: str) -> list[str]:
    """The secrets a text refers to."""
    return _REFERENCE.findall(text)


def resolved(text: str, environment: Mapping[str, str]) -> str:
    """The text with its secrets. Raises NoSecret."""

    def value(match: re.Match[str]) -> str:
        name = PREFIX + match[1]
        if name not in environment:
            raise NoSecret(f"{name} is not set")
        return environment[name]

    return _REFERENCE.sub(value, text)
