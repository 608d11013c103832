"""Text on its way into a terminal as one paste, and what its line discipline would lose of it. Pure."""

from __future__ import annotations

import re

ESCAPE = b"\x1b"
PASTE_BEGIN, PASTE_END = ESCAPE + b"[200~", ESCAPE + b"[201~"


def pasted(text: bytes, *, brackets: bool) -> bytes:
    """What is typed for `text`."""
    return PASTE_BEGIN + without_end(text) + PASTE_END if brackets else text


def without_end(text: bytes) -> bytes:
    """What is pasted must not end the paste and go on as typed; text that hides one end in another has no escapes."""
    text = text.replace(PASTE_END, b"")
    return text.replace(ESCAPE, b"") if PASTE_END in text else text


def longest_line(text: bytes) -> int:
    """Bytes of the longest line as a terminal that gathers lines counts them."""
    return max(map(len, re.split(rb"[\r\n\x04]", text)))
