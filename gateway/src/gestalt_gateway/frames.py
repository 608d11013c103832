"""WebSocket frames as a tunnel sees them: where one ends and the next begins, never what they carry. Sans-IO."""

from __future__ import annotations

from typing import Final

CLOSE: Final = 0x8
OPCODE: Final = 0x0F
LENGTH: Final = 0x7F
MASKED: Final = 0x80
LENGTH_16: Final = 126  # the length follows in two bytes
LENGTH_64: Final = 127  # … in eight
SHORTEST_HEAD: Final = 2
REASON_BYTES: Final = 123  # a control frame carries 125, two of which are the code


class FrameWalker:
    """Follows one direction of a WebSocket. Payloads are stepped over, not looked at: a chunk costs its frame count."""

    __slots__ = ("_head", "_skip", "closed")

    def __init__(self) -> None:
        self._head = bytearray()  # the beginning of a frame header that a chunk has cut
        self._skip = 0  # payload bytes of the current frame still to come
        self.closed = False
        """A Close frame has gone by, or has begun to."""

    @property
    def at_boundary(self) -> bool:
        """Whether the next byte begins a frame (so that a frame of our own may go before it)."""
        return not self._skip and not self._head

    def feed(self, data: bytes) -> None:
        """Walk over all of `data`."""
        position, size = self._skip, len(data)
        while position < size:
            position = self._step(data, position)
        self._skip = position - size

    def feed_to_boundary(self, data: bytes) -> int | None:
        """Walk to the end of the frame under way: its offset in `data`, or None when the frame goes on beyond."""
        position, size = self._skip, len(data)
        if self._head:
            position = self._step(data, position)
        self._skip = max(position - size, 0)
        return None if self._skip or self._head else position

    def _step(self, data: bytes, position: int) -> int:
        """Read the header at `position`; where the next one is. A cut header stays in `_head`."""
        if not self._head and len(data) - position >= SHORTEST_HEAD:
            length = data[position + 1]
            if length < LENGTH_16:  # a server's usual small frame, without a copy
                self._note(data[position])
                return position + SHORTEST_HEAD + length
        return self._step_long(data, position)

    def _step_long(self, data: bytes, position: int) -> int:
        head = self._head
        while (missing := head_size(head) - len(head)) > 0:
            piece = data[position : position + missing]
            if not piece:
                return position
            head += piece
            position += len(piece)
        self._note(head[0])
        position += payload_size(head)
        head.clear()
        return position

    def _note(self, first: int) -> None:
        if first & OPCODE == CLOSE:
            self.closed = True


def head_size(head: bytes | bytearray) -> int:
    """How long a frame header is, as far as what is there of it tells."""
    if len(head) < SHORTEST_HEAD:
        return SHORTEST_HEAD
    length = head[1] & LENGTH
    extended = 2 if length == LENGTH_16 else 8 if length == LENGTH_64 else 0
    return SHORTEST_HEAD + extended + (4 if head[1] & MASKED else 0)


def payload_size(head: bytes | bytearray) -> int:
    """How many payload bytes follow a whole header."""
    length = head[1] & LENGTH
    if length < LENGTH_16:
        return length
    return int.from_bytes(head[2 : 4 if length == LENGTH_16 else 10], "big")


def close_frame(code: int, reason: str, *, masked: bool = False) -> bytes:
    """A whole Close frame. `masked` as a client must send it (with a mask of zeros, which hides nothing)."""
    payload = code.to_bytes(2, "big") + reason.encode()[:REASON_BYTES]
    second, mask = (MASKED | len(payload), bytes(4)) if masked else (len(payload), b"")
    return bytes((MASKED | CLOSE, second)) + mask + payload
