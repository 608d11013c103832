"""What service and writer say to one another: msgpack messages, each behind its length, over a socket pair."""

from __future__ import annotations

import struct

import msgspec
from msgspec import Struct

LENGTH = struct.Struct("!I")
LONGEST = 64 * 1024 * 1024


class Write(Struct, array_like=True, tag=True):
    """Store this. `form`: protobuf, json, simple or bus; `arrival`: Unix ns; `session`, `uid`: whom to stamp it with.

    `mark`: the place in a source that is read once; what is not beyond the place already stored is skipped.
    """

    id: int
    signal: str
    form: str
    body: bytes
    arrival: int
    gzip: bool = False
    session: str = ""
    uid: str = ""
    mark: str = ""


class SetAside(Struct, array_like=True, tag=True):
    """A reader found this segment damaged."""

    number: int
    reason: str


class Done(Struct, array_like=True, tag=True):
    """What became of a Write: `stored`, `malformed`, `too_large` or `failed`; how much of it was refused, and why."""

    id: int
    outcome: str
    rejected: int = 0
    reason: str = ""


class State(Struct, array_like=True, tag=True):
    """How the store is, said at the start and after each commit that changed what a reader may see."""

    last_log: int
    marks: dict[str, str] = {}
    segments: int = 0
    damaged: int = 0
    dropped: bool = False


FromService = Write | SetAside
FromWriter = Done | State

_encode = msgspec.msgpack.Encoder().encode
_from_service: msgspec.msgpack.Decoder[FromService] = msgspec.msgpack.Decoder(FromService)
_from_writer: msgspec.msgpack.Decoder[FromWriter] = msgspec.msgpack.Decoder(FromWriter)


def framed(message: FromService | FromWriter) -> bytes:
    """A message as it travels."""
    data = _encode(message)
    return LENGTH.pack(len(data)) + data


def of_service(data: bytes | memoryview) -> FromService:
    """What the service said."""
    return _from_service.decode(data)


def of_writer(data: bytes | memoryview) -> FromWriter:
    """What the writer said."""
    return _from_writer.decode(data)


class Frames:
    """Cuts a stream of bytes into messages."""

    def __init__(self) -> None:
        self._pending = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that are whole now. Raises ValueError for one that is longer than any of ours."""
        self._pending += data
        found, at = [], 0
        while len(self._pending) - at >= LENGTH.size:
            (length,) = LENGTH.unpack_from(self._pending, at)
            if length > LONGEST:
                raise ValueError(f"a message of {length} bytes")
            end = at + LENGTH.size + length
            if end > len(self._pending):
                break
            found.append(bytes(self._pending[at + LENGTH.size : end]))
            at = end
        del self._pending[:at]
        return found
