"""Clients that cost little themselves: blocking sockets, one buffer each, bytes compared where they lie."""

from __future__ import annotations

import base64
import os
import selectors
import socket
import struct
from collections.abc import Sequence
from typing import Protocol

BUFFER = 256 * 1024
TIMEOUT = 60.0
_MASK = b"\0\0\0\0"  # a mask of zeros: legal, and the payload stays as it is
_BINARY, _CLOSE = 2, 8
_SHORT, _LONG = 126, 127


class Client(Protocol):
    """One connection to a terminal."""

    def fileno(self) -> int:
        """Readable when `receive` has something."""

    def type(self, data: bytes) -> None:
        """Send input."""

    def receive(self) -> Sequence[memoryview]:
        """Some output, waited for; nothing at the end. Valid until the next call."""

    def close(self) -> None:
        """Hang up."""


class TcpClient:
    """Plain bytes."""

    def __init__(self, port: int) -> None:
        self._socket = _connect(port)
        self._buffer = memoryview(bytearray(BUFFER))

    def fileno(self) -> int:
        """As Client."""
        return self._socket.fileno()

    def type(self, data: bytes) -> None:
        """As Client."""
        self._socket.sendall(data)

    def receive(self) -> Sequence[memoryview]:
        """As Client."""
        count = self._socket.recv_into(self._buffer)
        return [self._buffer[:count]] if count else []

    def close(self) -> None:
        """As Client."""
        self._socket.close()


class WebSocketClient:
    """A WebSocket, its frames' headers walked in place; text frames are passed over.

    `tag`: the first byte of every frame of output and input, for protocols that have one (ttyd).
    """

    def __init__(self, port: int, target: str, *, protocol: str = "", tag: bytes = b"") -> None:
        self._socket = _connect(port)
        self._tag = tag
        self._buffer = memoryview(bytearray(BUFFER))
        self._start = self._end = 0  # what lies in the buffer and has not been walked
        self._left = 0  # of the frame that is being received
        self._wanted = self._closed = False
        self._shake_hands(port, target, protocol)

    def _shake_hands(self, port: int, target: str, protocol: str) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        offered = f"Sec-WebSocket-Protocol: {protocol}\r\n" if protocol else ""
        self._socket.sendall(
            f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"{offered}Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        while (found := bytes(self._buffer[: self._end]).find(b"\r\n\r\n")) < 0:
            if not self._fill():
                raise ConnectionError("hung up in the handshake")
        status = bytes(self._buffer[:found]).split(b"\r\n")[0]
        if b" 101 " not in status:
            raise ConnectionError(status.decode())
        self._start = found + 4

    def fileno(self) -> int:
        """As Client."""
        return self._socket.fileno()

    @property
    def inside(self) -> bool:
        """Whether more of the last frame is to come."""
        return self._left > 0

    def type(self, data: bytes) -> None:
        """As Client."""
        self.send(self._tag + data)

    def send(self, data: bytes) -> None:
        """One binary frame, as it is."""
        size = bytes((0x82, 0x80 | len(data))) if len(data) < _SHORT else struct.pack("!BBH", 0x82, 0xFE, len(data))
        self._socket.sendall(size + _MASK + data)

    def receive(self) -> Sequence[memoryview]:
        """As Client."""
        pieces = self._walk()
        while not pieces and not self._closed and self._fill():
            pieces = self._walk()
        return pieces

    def _fill(self) -> int:
        """Read behind what is left of the last read: at most the beginning of a header. How many bytes came."""
        rest = bytes(self._buffer[self._start : self._end])
        self._buffer[: len(rest)] = rest
        count = self._socket.recv_into(self._buffer[len(rest) :])
        self._start, self._end = 0, len(rest) + count
        return count

    def _walk(self) -> list[memoryview]:
        """Step over all that lies there; the payloads among it."""
        pieces = []
        while self._start < self._end and (self._left or self._header()):
            take = min(self._left, self._end - self._start)
            if self._wanted and take:
                pieces.append(self._buffer[self._start : self._start + take])
            self._left -= take
            self._start += take
        return pieces

    def _header(self) -> bool:
        """Step over a frame's header; False when it is not whole."""
        first, length = self._buffer[self._start], self._buffer[self._start + 1] if self._end - self._start > 1 else 0
        size = {_SHORT: 4, _LONG: 10}.get(length, 2)
        if self._end - self._start < size + len(self._tag):
            return False
        self._wanted = first & 0x0F == _BINARY
        self._closed = self._closed or first & 0x0F == _CLOSE
        extended = self._buffer[self._start + 2 : self._start + size]
        self._left = int.from_bytes(extended, "big") if extended else length
        self._start += size
        self._take_tag_off()
        return True

    def _take_tag_off(self) -> None:
        """A frame with another tag is not output."""
        if self._tag and self._left:
            self._wanted = self._wanted and self._buffer[self._start] == self._tag[0]
            self._start += 1
            self._left -= 1

    def close(self) -> None:
        """As Client."""
        self._socket.close()


def _connect(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.settimeout(TIMEOUT)
    return connection


class WrongByte(Exception):
    """What came is not what the program wrote."""


class Follower:
    """A client and how far it has got in known bytes, each of which is checked; `unit` repeats if it `repeats`."""

    def __init__(self, client: Client, known: bytes, *, offset: int = 0, unit: int = 0) -> None:
        """`known` is the whole output or, of an endless one, units of `unit` bytes, more than a buffer of them."""
        self.client = client
        self.offset = offset
        self._known = known
        self._unit = unit or len(known) + 1

    def receive(self) -> bool:
        """Take what comes next; whether anything did. Raises WrongByte."""
        before = self.offset
        for piece in self.client.receive():
            if not self._known.startswith(piece, self.offset % self._unit):
                raise WrongByte(f"between {self.offset} and {self.offset + len(piece)}")
            self.offset += len(piece)
        return self.offset > before

    def close(self) -> None:
        """Hang up."""
        self.client.close()


def drain(clients: Sequence[Client], known: bytes) -> None:
    """Let all receive all of `known`. Raises WrongByte, ConnectionError when one ends early, TimeoutError."""
    with selectors.DefaultSelector() as selector:
        for client in clients:
            selector.register(client, selectors.EVENT_READ, Follower(client, known))
        while selector.get_map():
            ready = selector.select(TIMEOUT)
            if not ready:
                raise TimeoutError(f"nothing came for {TIMEOUT} s")
            for key, _ in ready:
                _advance(selector, key.data, len(known))


def _advance(selector: selectors.BaseSelector, follower: Follower, size: int) -> None:
    if not follower.receive():
        raise ConnectionError(f"ended after {follower.offset} of {size} bytes")
    if follower.offset >= size:
        selector.unregister(follower.client)
