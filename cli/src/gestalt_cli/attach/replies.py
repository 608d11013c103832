"""What a terminal sends: keys, and what it answers by itself to the session's questions. Pure.

The server answers these questions, and drops a frame that is nothing but replies. So replies go in frames of their own,
and nothing that somebody typed is in one with them. What is pasted stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from gestalt_contracts.replies import REPLY

_PASTE_BEGIN, _PASTE_END = b"\x1b[200~", b"\x1b[201~"
_UNFINISHED = re.compile(rb"\x1b(?:\[[?>\d][\d;]*\$?|\][\dlL][^\x1b\x07]*|P[!>01][^\x1b]*|_G[^\x1b]*)\x1b?\Z")
"""The beginning of a reply at the end of what was read: nobody types that far by hand, so it waits for its end."""
_LONGEST = 256


class Sent(Struct, frozen=True):
    """A part of it."""

    data: bytes
    reply: bool


class Replies:
    """Takes apart what comes from one terminal."""

    def __init__(self) -> None:
        self._unfinished = b""
        self._pasting = False

    def feed(self, data: bytes) -> Iterator[Sent]:
        """The parts of it, in order; keys between replies together."""
        data, self._unfinished = self._whole(self._unfinished + data)
        begun = place = 0
        while (place := data.find(b"\x1b", place)) >= 0:
            found = self._reply_at(data, place)
            if found is None:
                place += 1
                continue
            if begun < place:
                yield Sent(data[begun:place], reply=False)
            yield Sent(found, reply=True)
            begun = place = place + len(found)
        if begun < len(data):
            yield Sent(data[begun:], reply=False)

    def _reply_at(self, data: bytes, place: int) -> bytes | None:
        if data.startswith(_PASTE_END if self._pasting else _PASTE_BEGIN, place):
            self._pasting = not self._pasting
            return None
        found = None if self._pasting else REPLY.match(data, place)
        return found.group() if found is not None else None

    def _whole(self, data: bytes) -> tuple[bytes, bytes]:
        tail = _UNFINISHED.search(data, max(0, len(data) - _LONGEST))
        return (data, b"") if tail is None else (data[: tail.start()], data[tail.start() :])
