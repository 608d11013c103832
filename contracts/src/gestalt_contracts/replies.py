"""What terminals answer by themselves, told by its form: the session worker drops it, the client sends it by itself."""

from __future__ import annotations

import re

_STRING_END = rb"(?:\x07|\x1b\\)"
REPLY = re.compile(
    rb"|".join(
        (
            rb"\x1b\[\??\d+;\d+(?:;\d+)?R",  # the cursor's place
            rb"\x1b\[\??[\d;]+n",  # status, colour scheme
            rb"\x1b\[[?>][\d;]*c",  # what kind of terminal it is
            rb"\x1b\[\??\d+;\d+\$y",  # modes
            rb"\x1b\[\?\d+u",  # keyboard flags
            rb"\x1b\[\d+(?:;\d+)*[tx]",  # sizes, parameters
            rb"\x1b\][lL][^\x1b\x07]*" + _STRING_END,  # titles
            rb"\x1b\](?:4;\d+|1[0-9]);rgba?:[0-9A-Fa-f/]+" + _STRING_END,  # colours
            rb"\x1bP(?:!\||>\||[01]\$r|[01]\+r)[^\x1b]*" + _STRING_END,  # settings, capabilities, version
            rb"\x1b_G[^\x1b]*\x1b\\",  # graphics
        )
    )
)
"""One reply. The cursor's place in the first row is also a key: `ESC [ 1 ; 2 R` is Shift-F3."""
