"""asciinema's live protocol (ALiS v1), so that a stock asciinema player watches a session. Sans-IO.

First the magic, then an event a message. An init says size and screen, at the beginning and again wherever the viewer
skips output; EOT is the end, since after a close 1000 alone the player would connect again. Numbers are LEB128, times
microseconds since the event before; text is whole characters, as each message is decoded for itself.
"""

from __future__ import annotations

import codecs
import time
from collections.abc import Callable
from typing import Any

from gestalt_session.terminal.viewer import CLOSED_NORMALLY, Sink

SUBPROTOCOL = "v1.alis"
MAGIC = b"ALiS\x01"
INIT, OUTPUT, RESIZE, EXIT, END = b"\x01", b"o", b"r", b"x", b"\x04"
NO_THEME = b"\x00"
SIGNALLED = 128
_MORE, _LOW, _BITS = 0x80, 0x7F, 7

Size = tuple[int, int]


def leb128(number: int) -> bytes:
    """An unsigned number, seven bits a byte, the low ones first."""
    written = bytearray()
    while number > _LOW:
        written.append(number & _LOW | _MORE)
        number >>= _BITS
    written.append(number)
    return bytes(written)


class AlisSink:
    """The socket of a viewer that speaks ALiS: what the session says, in its words."""

    def __init__(self, sink: Sink, *, age: float, clock: Callable[[], float] = time.monotonic) -> None:
        """`age`: seconds since the session began. Sends the magic."""
        self._sink = sink
        self._clock = clock
        self._began = clock() - age
        self._told_at = 0
        self._number = 0
        self._characters = codecs.getincrementaldecoder("utf-8")("replace")
        self._size: Size = (0, 0)
        self._redraws = False
        """The next bytes are a snapshot, the text of an init."""
        sink.output(MAGIC)

    @property
    def writable(self) -> bool:
        """Whether output may be given now."""
        return self._sink.writable

    def output(self, chunk: bytes) -> None:
        """What the program wrote, up to the last whole character; or a snapshot that was announced."""
        if self._redraws:
            self.begin(self._size, chunk)
        elif text := self._characters.decode(chunk).encode():
            self._event(OUTPUT, leb128(len(text)) + text)

    def control(self, message: dict[str, Any]) -> None:
        """What has a word here is said in it; the rest is nothing to a player."""
        match message["type"]:
            case "snapshot":
                self._size, self._redraws = (message["cols"], message["rows"]), True
            case "resize":
                self._size = (message["cols"], message["rows"])
                self._event(RESIZE, leb128(self._size[0]) + leb128(self._size[1]))
            case "reset":
                self.begin(self._size)
            case "exit" if message["exit_code"] is not None:
                code = int(message["exit_code"])
                self._event(EXIT, leb128(code if code >= 0 else SIGNALLED - code))

    def finish(self, code: int, reason: str) -> None:
        """The end of the session is the end of the stream; another end lets the player come back."""
        if code == CLOSED_NORMALLY:
            self._sink.output(END + leb128(self._since_last()))
        self._sink.finish(code, reason)

    def begin(self, size: Size, screen: bytes = b"") -> None:
        """An init: the terminal's size, and what it shows."""
        self._size, self._redraws = size, False
        self._characters.reset()
        self._told_at = self._now()
        text = screen.decode("utf-8", "replace").encode()
        size_of = leb128(size[0]) + leb128(size[1])
        head = INIT + leb128(self._number) + leb128(self._told_at) + size_of + NO_THEME
        self._sink.output(head + leb128(len(text)) + text)

    def _event(self, kind: bytes, body: bytes) -> None:
        self._number += 1
        self._sink.output(kind + leb128(self._number) + leb128(self._since_last()) + body)

    def _since_last(self) -> int:
        before, self._told_at = self._told_at, self._now()
        return self._told_at - before

    def _now(self) -> int:
        return max(self._told_at, round((self._clock() - self._began) * 1_000_000))
