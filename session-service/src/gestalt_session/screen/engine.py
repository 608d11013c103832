"""Terminals in V8: the browser's own parser, many in one isolate. Blocking; it lives in the screen process alone."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct
from py_mini_racer import JSEvalException, MiniRacer

SLICE = 64 * 1024
"""Bytes fed at once: some milliseconds, after which another terminal has its turn."""

FEED_SECONDS = 2.0
"""A slice that takes longer is hostile: its terminal is given up, and the others go on."""

DRAW_SECONDS = 5.0
LONGEST_REASON = 200  # an error quotes the whole script
SCROLLBACK_LINES = 1000
MOST_CELLS = 1_000_000
"""Of one terminal, scrollback included; a cell is 22 bytes, measured with all that is kept beside it."""


def cells_of(cols: int, rows: int) -> int:
    """The most that a terminal of that size holds."""
    return cols * (rows + max(0, min(SCROLLBACK_LINES, MOST_CELLS // cols - rows)))


class Stuck(Exception):
    """A call took too long and was ended, or failed; its terminal is in no state to go on."""


class TooLarge(Exception):
    """A terminal of that size would take the memory of all the others."""


class Picture(Struct, frozen=True):
    """What a terminal shows. `location` is as the program said it (OSC 7), `prompt` its last mark (OSC 133)."""

    cols: int
    rows: int
    row: int
    col: int
    title: str
    location: str
    prompt: str
    modes: list[str]
    redraw: str


class Engine:
    """The isolate. A terminal is named by a number of the caller's."""

    def __init__(self, script: str) -> None:
        self._v8 = MiniRacer()
        self._v8.eval(script)
        self._buffer: Any = self._v8.eval("sharedBuffer()")

    def close(self) -> None:
        """End the isolate and its threads."""
        self._v8.close()

    def open(self, number: int, cols: int, rows: int) -> None:
        """An empty terminal, in place of the one of that number. Raises TooLarge."""
        if cols * rows > MOST_CELLS:
            raise TooLarge(f"{cols} x {rows} cells are more than {MOST_CELLS}")
        scrollback = cells_of(cols, rows) // cols - rows
        self._call(f"open({number},{cols},{rows},{scrollback})", FEED_SECONDS)

    def drop(self, number: int) -> None:
        """Forget a terminal."""
        self._call(f"close({number})", FEED_SECONDS)

    def feed(self, number: int, data: bytes) -> int:
        """Feed up to SLICE bytes: how many were taken (the last ones may begin a sequence)."""
        self._buffer[: len(data)] = data
        return int(self._call(f"feed({number},{len(data)})", FEED_SECONDS))

    def ask(self, number: int, question: bytes) -> bytes:
        """What a terminal answers to a question that it was fed just now."""
        self._buffer[: len(question)] = question
        return str(self._call(f"ask({number},{len(question)})", FEED_SECONDS)).encode("utf-8", "replace")

    def skim(self, number: int, data: bytes, *, first: bool) -> int:
        """Look for the end of an overlong sequence that begins with the `first` of these; 0 while it goes on."""
        self._buffer[: len(data)] = data
        return int(self._call(f"skim({number},{len(data)},{str(first).lower()})", FEED_SECONDS))

    def resize(self, number: int, cols: int, rows: int) -> None:
        """Give a terminal another size; lines flow anew, as in a browser. Raises TooLarge."""
        if cols * rows > MOST_CELLS:
            raise TooLarge(f"{cols} x {rows} cells are more than {MOST_CELLS}")
        self._call(f"resize({number},{cols},{rows})", FEED_SECONDS)

    def picture(self, number: int, limit: int) -> Picture:
        """All there is to know, with a redraw of at most `limit` bytes."""
        text = str(self._call(f"snapshot({number},{limit})", DRAW_SECONDS))
        return msgspec.json.decode(text.encode("utf-8", "replace"), type=Picture)

    def lines(self, number: int) -> list[str]:
        """The text of each row, trimmed at its right."""
        text = str(self._call(f"lines({number})", DRAW_SECONDS))
        return msgspec.json.decode(text.encode("utf-8", "replace"), type=list[str])

    def _call(self, code: str, seconds: float) -> Any:
        try:
            return self._v8.eval(code, timeout_sec=seconds)
        except JSEvalException as error:  # a timeout is one
            raise Stuck(f"{code}: {str(error)[:LONGEST_REASON]}") from None
