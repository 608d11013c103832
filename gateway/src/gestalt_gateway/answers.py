"""What this gateway answers itself, and how any answer is put on an ASGI connection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from gestalt_contracts.auth import Send
from gestalt_contracts.errors import GestaltError
from gestalt_gateway.headers import API_HEADERS, Headers

JSON_TYPE = b"application/json; charset=utf-8"
TEXT_TYPE = b"text/plain; charset=utf-8"
ACCEPTED = 202
NO_CONTENT = 204


class Answer(Struct, frozen=True):
    """A whole response."""

    status: int
    body: bytes = b""
    content_type: bytes | None = None
    headers: Headers = []

    def head(self) -> Headers:
        """Its headers, length and type included."""
        typed = [(b"content-type", self.content_type)] if self.content_type else []
        sized = [] if self.status == NO_CONTENT else [(b"content-length", b"%d" % len(self.body))]
        return [*typed, *sized, *self.headers]


def json_answer(value: Any, *, status: int = 200) -> Answer:
    """One line of JSON."""
    return Answer(status, msgspec.json.encode(value) + b"\n", JSON_TYPE, API_HEADERS)


def no_content(headers: Mapping[str, str] | None = None) -> Answer:
    """Done, nothing to say."""
    return Answer(NO_CONTENT, headers=[*API_HEADERS, *_encoded(headers or {})])


def accepted() -> Answer:
    """It will be done."""
    return Answer(ACCEPTED, headers=API_HEADERS)


def refusal(error: GestaltError) -> Answer:
    """The one shape of errors (contract §2)."""
    return Answer(error.status, error.body(), JSON_TYPE, [*API_HEADERS, *_encoded(error.headers)])


def _encoded(headers: Mapping[str, str]) -> Headers:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]


class Reply:
    """The response side of one ASGI request; remembers how far it got."""

    def __init__(self, send: Send, request_id: bytes) -> None:
        self._send = send
        self._request_id = request_id
        self.status: int | None = None
        """What was answered; None: nothing yet, so a refusal can still be told."""
        self.size = 0
        self.lasted = False
        """Whether it was a stream: how long it took says nothing about speed."""

    async def start(self, status: int, headers: Headers) -> None:
        """Send the head. `headers` are complete."""
        self.status = status
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def write(self, chunk: bytes) -> None:
        """Send a piece of the body; waits while the client does not read."""
        self.size += len(chunk)
        await self._send({"type": "http.response.body", "body": chunk, "more_body": True})

    async def end(self) -> None:
        """The body is complete."""
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def whole(self, answer: Answer) -> None:
        """Send a whole answer of our own."""
        await self.start(answer.status, [*answer.head(), (b"x-request-id", self._request_id)])
        self.size = len(answer.body)
        await self._send({"type": "http.response.body", "body": answer.body, "more_body": False})
