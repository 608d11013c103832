"""Text on its way into a terminal as one paste, and what its line discipline would lose of it. Pure."""

from __future__ import annotations

import re

PASTE_BEGIN, PASTE_END = b"\x1b[200~", b"\x1b[201~"


def pasted(text: bytes, *, brackets: bool) -> bytes:
    """What is typed for `text`; what is pasted must not end the paste and go on as typed."""
    return PASTE_BEGIN + text.replace(PASTE_END, b"") + PASTE_END if brackets else text


def longest_line(text: bytes) -> int:
    """Bytes of the longest line as a terminal that gathers lines counts them."""
    return max(map(len, re.split(rb"[\r\n\x04]", text)))
