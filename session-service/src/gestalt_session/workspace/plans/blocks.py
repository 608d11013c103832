"""Where an Org text is literal: between `#+begin_…` and its `#+end_…` a star is no heading. Pure."""

from __future__ import annotations

import re
from bisect import bisect_right

MARK = re.compile(r"^[^\S\r\n]*#\+(begin|end)_(\S+)", re.IGNORECASE | re.MULTILINE)


class Blocks:
    """The blocks of a text, which never overlap. One that does not end, or begins anew before it does, is none."""

    def __init__(self, source: str) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        marks = [(found.start(), found[1].lower(), found[2].lower()) for found in MARK.finditer(source)]
        partner = _partners(marks)
        index = 0
        while index < len(marks):
            end = partner.get(index)
            if end is not None:
                self._starts.append(marks[index][0])
                self._ends.append(marks[end][0])
            index = index + 1 if end is None else end + 1

    def __contains__(self, place: int) -> bool:
        index = bisect_right(self._starts, place) - 1
        return index >= 0 and place < self._ends[index]


def _partners(marks: list[tuple[int, str, str]]) -> dict[int, int]:
    """The end of each beginning: the next mark of its name, if that is an end."""
    following: dict[str, int] = {}
    found: dict[int, int] = {}
    for index in range(len(marks) - 1, -1, -1):
        _, kind, name = marks[index]
        after = following.get(name)
        if kind == "begin" and after is not None and marks[after][1] == "end":
            found[index] = after
        following[name] = index
    return found
