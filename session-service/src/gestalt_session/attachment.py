"""What a viewer asks for in its URL, and what its control frames say. Pure."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from msgspec import Struct

from gestalt_session.terminal.launch import LARGEST_SIZE

_MEANT_AS_CONTROL = re.compile(rb'"type"\s*:\s*"(?:resize|ack)"')
"""What no parser takes (a number of thousands of digits) is a control with bad values all the same."""
BEYOND_EVERY_END = 1 << 63
_MOST_DIGITS = 18  # a longer number is beyond the end of every journal

KNOWN_CONTROLS = frozenset({"resize", "ack"})


class Attachment(Struct, frozen=True):
    """The query of /ws/session/:id. A cursor or tail that is negative or no number is absent (contract §3)."""

    cursor: int | None = None
    tail: int | None = None
    control: bool = False
    readonly: bool = False
    snapshot: bool = False

    @classmethod
    def parse(cls, query: str) -> Attachment:
        """Read a query string; of a repeated name the first counts."""
        values = dict(reversed(parse_qsl(query, keep_blank_values=True)))
        return cls(
            cursor=_count(values.get("cursor")),
            tail=_count(values.get("tail")),
            control=_flag(values.get("control")) or _flag(values.get("snapshot")),
            readonly=_flag(values.get("readonly")),
            snapshot=_flag(values.get("snapshot")),
        )


def _count(text: str | None) -> int | None:
    if text is None or not text.isascii() or not text.isdigit():
        return None
    significant = text.lstrip("0")
    return int(significant or "0") if len(significant) <= _MOST_DIGITS else BEYOND_EVERY_END


def _flag(text: str | None) -> bool:
    return text in {"1", "true", "yes", "on"}


class Control(Struct, frozen=True):
    """A control frame; `size` is set for a resize that holds, `ack` for an acknowledgement; else it is ignored."""

    size: tuple[int, int] | None = None
    ack: int | None = None


def control_of(text: bytes) -> Control | None:
    """The control frame that a text frame is; None when it is input."""
    text = text.strip(b" \t\r\n")
    if not (text.startswith(b"{") and text.endswith(b"}")):
        return None
    try:
        message = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Control() if _MEANT_AS_CONTROL.search(text) else None
    kind = message.get("type") if isinstance(message, dict) else None
    if not isinstance(kind, str) or kind not in KNOWN_CONTROLS:
        return None
    return Control(size=_size(message)) if kind == "resize" else Control(ack=_offset(message.get("cursor")))


def _offset(value: Any) -> int | None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and value >= 0 else None


def _size(message: dict[str, Any]) -> tuple[int, int] | None:
    cols, rows = _dimension(message.get("cols")), _dimension(message.get("rows"))
    return None if cols is None or rows is None else (cols, rows)


def _dimension(value: Any) -> int | None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and 1 <= value <= LARGEST_SIZE else None
