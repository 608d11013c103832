"""The WebSocket opening handshake as bytes: check one, accept one, refuse one, read a service's answer. Sans-IO."""

from __future__ import annotations

import base64
import binascii
import hashlib
from http import HTTPStatus

from msgspec import Struct

from gestalt_contracts.errors import GestaltError, InvalidRequest
from gestalt_gateway.answers import refusal
from gestalt_gateway.request import Request

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 §1.3
KEY_BYTES = 16
VERSION = b"13"
HEAD_BYTES = 16 * 1024
"""Longest head of a service's answer: ours are some hundred bytes."""

END_OF_HEAD = b"\r\n\r\n"


class Answered(Struct, frozen=True):
    """A service's answer to an upgrade: its status, its head as it came, and what followed in the same bytes."""

    status: int
    head: bytes
    rest: bytes


class MalformedAnswer(Exception):
    """What came is not the head of an HTTP response."""


def check(request: Request) -> None:
    """Raise InvalidRequest unless this can become a WebSocket."""
    key = request.header(b"sec-websocket-key") or b""
    try:
        fits = len(base64.b64decode(key, validate=True)) == KEY_BYTES
    except binascii.Error:
        fits = False
    if not fits or request.header(b"sec-websocket-version") != VERSION:
        raise InvalidRequest("this is no WebSocket handshake", headers={"Sec-WebSocket-Version": VERSION.decode()})


def accept(request: Request) -> bytes:
    """The 101 that opens the WebSocket here, so that a Close frame can say why it is not served.

    A browser that offered subprotocols fails without one in the answer: it gets the first.
    """
    digest = hashlib.sha1((request.header(b"sec-websocket-key") or b"") + GUID, usedforsecurity=False).digest()
    lines = [
        b"HTTP/1.1 101 Switching Protocols",
        b"upgrade: websocket",
        b"connection: Upgrade",
        b"sec-websocket-accept: " + base64.b64encode(digest),
        b"x-request-id: " + request.id,
    ]
    offered = (request.header(b"sec-websocket-protocol") or b"").partition(b",")[0].strip()
    if offered:
        lines.append(b"sec-websocket-protocol: " + offered)
    return b"\r\n".join(lines) + END_OF_HEAD


def refuse(error: GestaltError, request_id: bytes) -> bytes:
    """An HTTP response instead of the upgrade; the connection ends with it."""
    answer = refusal(error)
    headers = [*answer.head(), (b"x-request-id", request_id), (b"connection", b"close")]
    lines = [name + b": " + value for name, value in headers]
    status_line = f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}".encode()
    return b"\r\n".join([status_line, *lines]) + END_OF_HEAD + answer.body


def answered(received: bytes) -> Answered | None:
    """Read the answer out of all that was received so far; None: more is needed. Raises MalformedAnswer."""
    end = received.find(END_OF_HEAD)
    if end < 0:
        if len(received) > HEAD_BYTES:
            raise MalformedAnswer(f"no end of the head within {HEAD_BYTES} bytes")
        return None
    version, _, rest = received.partition(b" ")
    if not version.startswith(b"HTTP/1.") or not rest[:3].isdigit():
        raise MalformedAnswer(f"not a status line: {received[:40]!r}")
    cut = end + len(END_OF_HEAD)
    return Answered(int(rest[:3]), received[:cut], received[cut:])
