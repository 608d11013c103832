"""What a terminal said last, as one line of plain text: the preview on a card. Blocking, but for a few kilobytes."""

from __future__ import annotations

from gestalt_session.terminal.journal import Journal
from gestalt_session.terminal.lines import plain

LONGEST = 200
"""Characters of a preview."""

LOOKED_AT = 4096
"""Bytes before the end: a coloured prompt is some hundred, and a line that began before them is cut short anyway."""


def last_line(journal: Journal) -> str:
    """The last line with anything to read, without escapes; empty when there is none near the end."""
    _, text = journal.stretch(max(journal.base, journal.end - LOOKED_AT), journal.end)
    return shown(text)


def shown(output: bytes) -> str:
    """The last readable line of `output`; of what overwrote itself the last state. At most LONGEST long."""
    for line in reversed(plain_lines(output)):
        states = [" ".join(state.split()) for state in line.split("\r") if state.strip()]
        if states:
            return states[-1][:LONGEST]
    return ""


def plain_lines(output: bytes) -> list[str]:
    """Lines without escapes and control characters, carriage returns kept: they begin it anew."""
    text = output.decode("utf-8", "ignore")
    return ["\r".join(plain(state) for state in line.split("\r")) for line in text.split("\n")]
