"""What a worker and its screen process say to each other. Sans-IO: messages to bytes and back.

A frame is four bytes of length (big endian) and that much msgpack. Both ends are of one release: the worker starts the
process and ends it.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec import Struct

LARGEST_FRAME = 8 * 1024 * 1024
"""A redraw is 256 KiB at most; the lines of a huge screen are more."""

_LENGTH = 4


class Written(Struct, tag=True, frozen=True):
    """A session's journal reaches to `end`; nothing beyond it is read."""

    uid: str
    end: int


class Show(Struct, tag=True, frozen=True):
    """Catch up to `end` and tell what the terminal shows then."""

    request: int
    uid: str
    end: int
    limit: int  # bytes of the redraw; 0: none is wanted
    lines: bool = False


class Ask(Struct, tag=True, frozen=True):
    """What the terminal answers to a question that ends at `end`."""

    request: int
    uid: str
    end: int
    question: bytes


class Forget(Struct, tag=True, frozen=True):
    """A session is off the list."""

    uid: str


class Ready(Struct, tag=True, frozen=True):
    """The process has come up."""


class Shown(Struct, tag=True, frozen=True):
    """What a terminal shows at `cursor`."""

    request: int
    cursor: int
    cols: int
    rows: int
    row: int
    col: int
    title: str
    location: str
    prompt: str
    modes: list[str]
    lines: list[str]
    redraw: bytes


class Answered(Struct, tag=True, frozen=True):
    """What a terminal answers; nothing where it does not know the question."""

    request: int
    answer: bytes


class Failed(Struct, tag=True, frozen=True):
    """A request cannot be answered."""

    request: int
    reason: str


Request = Written | Show | Ask | Forget
Answer = Shown | Answered | Failed
Word = Ready | Answer


def request_of(frame: bytes) -> Request:
    """What a worker says. Raises msgspec.MsgspecError."""
    request: Request = msgspec.msgpack.decode(frame, type=Request)
    return request


def word_of(frame: bytes) -> Word:
    """What a screen process says. Raises msgspec.MsgspecError."""
    word: Word = msgspec.msgpack.decode(frame, type=Word)
    return word


class Framer:
    """Bytes of a stream to frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The frames that are whole now. Raises ValueError for one that cannot be."""
        self._buffer += data
        while len(self._buffer) >= _LENGTH:
            size = int.from_bytes(self._buffer[:_LENGTH], "big")
            if size > LARGEST_FRAME:
                raise ValueError(f"a frame of {size} bytes")
            if len(self._buffer) < _LENGTH + size:
                return
            frame = bytes(self._buffer[_LENGTH : _LENGTH + size])
            del self._buffer[: _LENGTH + size]
            yield frame


def framed(message: Request | Word) -> bytes:
    """One message as a frame."""
    body = msgspec.msgpack.encode(message)
    return len(body).to_bytes(_LENGTH, "big") + body
