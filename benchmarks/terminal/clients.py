"""Clients that cost little themselves: blocking sockets, one buffer, a running checksum of every byte."""

from __future__ import annotations

import base64
import os
import socket
import struct
import zlib
from typing import Protocol

BUFFER = 1 << 20
_MASK = b"\0\0\0\0"  # a mask of zeros: legal, and the payload stays as it is
_BINARY, _CLOSE = 2, 8
_SHORT, _MEDIUM, _LONG = 126, 1 << 16, 127


class Client(Protocol):
    """One connection to a terminal."""

    def type(self, data: bytes) -> None:
        """Send input."""

    def receive(self) -> memoryview:
        """Some output; empty at the end. Valid until the next call."""

    def close(self) -> None:
        """Hang up."""


class TcpClient:
    """Plain bytes."""

    def __init__(self, port: int) -> None:
        self._socket = _connect(port)
        self._buffer = bytearray(BUFFER)

    def type(self, data: bytes) -> None:
        """As Client."""
        self._socket.sendall(data)

    def receive(self) -> memoryview:
        """As Client."""
        return memoryview(self._buffer)[: self._socket.recv_into(self._buffer)]

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
        key = base64.b64encode(os.urandom(16)).decode()
        offered = f"Sec-WebSocket-Protocol: {protocol}\r\n" if protocol else ""
        self._socket.sendall(
            f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"{offered}Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        self._buffer = bytearray(BUFFER)
        head, _, rest = self._head()
        if b" 101 " not in head.split(b"\r\n")[0]:
            raise ConnectionError(head.decode())
        self._pending = rest
        self._left = 0  # of the frame that is being received
        self._wanted = False
        self._closed = False

    def _head(self) -> tuple[bytes, bytes, bytes]:
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._socket.recv(4096)
        return data.partition(b"\r\n\r\n")

    def type(self, data: bytes) -> None:
        """As Client."""
        self.send(self._tag + data)

    def send(self, data: bytes) -> None:
        """One binary frame, as it is."""
        size = bytes((0x82, 0x80 | len(data))) if len(data) < _SHORT else struct.pack("!BBH", 0x82, 0xFE, len(data))
        self._socket.sendall(size + _MASK + data)

    def receive(self) -> memoryview:
        """As Client: the payload that came with one read, frames' headers cut out."""
        while True:
            data = b"" if self._closed else self._more()
            if not data:
                return memoryview(b"")
            found = self._payload(data)
            if found or self._closed:
                return memoryview(found)

    def _more(self) -> bytes | memoryview:
        if self._pending:
            data, self._pending = self._pending, b""
            return data
        return memoryview(self._buffer)[: self._socket.recv_into(self._buffer)]

    def _payload(self, data: bytes | memoryview) -> bytes:
        parts: list[bytes | memoryview] = []
        position = 0
        while position < len(data):
            if self._left == 0:
                size = self._header(data, position)
                if size == 0:
                    self._pending = bytes(data[position:]) + self._socket.recv(16)
                    break
                position += size
            take = min(self._left, len(data) - position)
            if self._wanted:
                parts.append(data[position : position + take])
            self._left -= take
            position += take
        return b"".join(parts)

    def _header(self, data: bytes | memoryview, position: int) -> int:
        """Read a frame's header; its length, 0 when it is not whole."""
        if len(data) - position < 2:
            return 0
        first, length = data[position], data[position + 1]
        size = {_SHORT: 4, _LONG: 10}.get(length, 2)
        if len(data) - position < size + len(self._tag):
            return 0
        self._wanted = first & 0x0F == _BINARY
        self._closed = self._closed or first & 0x0F == _CLOSE
        self._left = int.from_bytes(data[position + 2 : position + size], "big") if size > 2 else length
        return self._untagged(data, position + size) + size

    def _untagged(self, data: bytes | memoryview, position: int) -> int:
        """Take the tag off a frame's payload; a frame with another one is not output."""
        if not self._tag or not self._left:
            return 0
        self._wanted = self._wanted and data[position] == self._tag[0]
        self._left -= 1
        return 1

    def close(self) -> None:
        """As Client."""
        self._socket.close()


def _connect(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.settimeout(60)
    return connection


def drain(client: Client, total: int) -> int:
    """Receive `total` bytes; their CRC. Raises ConnectionError when they end early."""
    crc = received = 0
    while received < total:
        data = client.receive()
        if not data:
            raise ConnectionError(f"ended after {received} of {total} bytes")
        crc = zlib.crc32(data, crc)
        received += len(data)
    return crc
