"""The journal as lines: pages going back in time, cut only where no character or escape sequence is torn (contract §3).

A line over 64 KiB is split on a grid that begins at its start, so that every page sees the same pieces.
Blocking: run in a thread, with a Journal of its own.
"""

from __future__ import annotations

import re
from itertools import pairwise

from msgspec import Struct

from gestalt_session.terminal.journal import BLOCK, Journal

LONGEST_LINE = 64 * 1024
_LONGEST_ESCAPE = 256  # an unfinished sequence longer than this is no sequence
_INCOMPLETE = re.compile(
    rb"(?:\x1b(?:\[[0-?]*[ -/]*|[\]PX^_][^\x07\x1b\n]*\x1b?)?"  # an escape sequence that has not ended
    rb"|[\xc2-\xdf]|[\xe0-\xef][\x80-\xbf]?|[\xf0-\xf4][\x80-\xbf]{0,2})\Z"  # a character that has not
)
_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_].*?(?:\x07|\x1b\\|\Z)|\x1b[ -/]*[0-~]|[\x00-\x08\x0b-\x1f\x7f]", re.DOTALL
)


class Page(Struct, frozen=True):
    """Lines between two offsets of the journal."""

    lines: list[str]
    start: int
    end: int


def page(journal: Journal, before: int | None, count: int, most_bytes: int) -> Page:
    """The last `count` lines that end at or before `before` (None: the end), made of `most_bytes` at the most."""
    end = journal.end if before is None else min(before, journal.end)
    end = max(end, journal.base)
    low = max(journal.base, end - most_bytes)
    start, text = journal.stretch(low, end)
    torn = len(text) - _untorn_length(text)
    end, text = end - torn, text[: len(text) - torn]
    pieces = _pieces(text, start, _line_start(journal, start))
    chosen = pieces[-count:]
    first = chosen[0][0] if chosen else min(start, end)  # nothing but a hole: the next page lies before it
    return Page([_shown(line) for _, line in chosen], first, end)


def plain(line: str) -> str:
    """A line without escape sequences and control characters."""
    return _ESCAPES.sub("", line)


def _shown(line: bytes) -> str:
    return line.decode("utf-8", "replace")


def _untorn_length(text: bytes) -> int:
    """How much of `text` ends where no character or sequence is torn."""
    floor, end = max(0, len(text) - _LONGEST_ESCAPE), len(text)
    while match := _INCOMPLETE.search(text, floor, end):
        end = match.start()
    return end


def _line_start(journal: Journal, start: int) -> int:
    """Where the line that `start` lies in begins; `start` itself when a line begins there."""
    position = start
    while position > journal.base:
        low, block = journal.stretch(max(journal.base, position - BLOCK), position)
        if low + len(block) < position:
            break  # a hole ends here: what comes after it begins anew
        newline = block.rfind(b"\n")
        if newline >= 0:
            return low + newline + 1
        if low >= position or not block:
            break
        position = low
    return position


def _pieces(text: bytes, start: int, line_start: int) -> list[tuple[int, bytes]]:
    """The lines of `text` with their offsets.

    What belongs to a line that begins before `text` is left to the next page, except whole pieces of a long line.
    """
    pieces: list[tuple[int, bytes]] = []
    position = line_start
    for line in text.split(b"\n"):
        line_end = max(start, position) + len(line)
        for piece_start, piece_end in _grid(text, start, position, line_end):
            pieces.append((piece_start, text[piece_start - start : piece_end - start]))
        position = line_end + 1
    if pieces and pieces[-1] == (start + len(text), b""):
        pieces.pop()  # what follows the last newline is no line yet
    return pieces


def _grid(text: bytes, start: int, line_start: int, line_end: int) -> list[tuple[int, int]]:
    """Cuts of one line, LONGEST_LINE apart from its start; pieces that begin before `start` are left out."""
    nominal = range(line_start, max(line_end, line_start + 1), LONGEST_LINE)
    cuts = [line_start] if line_start >= start else []
    # A cut that needs a look at what is before `text` is left to the next page.
    cuts += [_untorn(text, start, cut) for cut in nominal[1:] if cut >= start + _LONGEST_ESCAPE]
    return list(pairwise([*cuts, line_end])) if cuts else []


def _untorn(text: bytes, start: int, cut: int) -> int:
    """`cut`, moved back to where no character or sequence is torn."""
    before = text[max(0, cut - start - _LONGEST_ESCAPE) : cut - start]
    return cut - len(before) + _untorn_length(before)
