"""uvicorn's HTTP protocol, with the bounds it lacks: time and size of a request's head, and of a body nobody wants."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gestalt_contracts.errors import InvalidRequest
from gestalt_gateway.answers import refusal

HEAD_SECONDS = 10.0
"""How long a client may take for the head of a request: half-open connections must not pile up."""

HEAD_BYTES = 64 * 1024
"""Longest head of a request."""

UNWANTED_BYTES = 64 * 1024 * 1024
"""How much of a body is read away after its refusal: a client that is still sending could not read the answer else."""

UNWANTED_SECONDS = 5.0
"""… and for how long."""


class BoundedHttp(HttpToolsProtocol):
    """The HTTP protocol class given to uvicorn."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._head_bytes = 0
        self._unwanted = 0
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a first head, for a while."""
        super().connection_made(transport)
        self._limit(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._unlimit()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what makes up a head that does not end, or a body that nobody wants."""
        unwanted = self._is_unwanted()
        if unwanted:
            self._unwanted += len(data)
        super().data_received(data)
        if self._unwanted > UNWANTED_BYTES:
            self.transport.abort()
        elif self._timer is not None and not unwanted:  # the end of an unwanted body is no part of a head
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                self.send_400_response("request head too long")

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        if self._timer is None:
            self._limit(HEAD_SECONDS)

    def on_headers_complete(self) -> None:
        """Its head is there."""
        self._unlimit()
        self._head_bytes = 0
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """Answered; what still comes of its body is read away, within bounds."""
        super().on_response_complete()
        if self._is_unwanted() and not self.transport.is_closing():
            self._limit(UNWANTED_SECONDS)

    def on_message_complete(self) -> None:
        """Its body is there."""
        super().on_message_complete()
        if self._is_unwanted():
            self.cycle.more_body = False
            self._unwanted = 0
            self._limit(HEAD_SECONDS)  # uvicorn's own keep-alive timer ended with the first byte of that body

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, in our shape of errors."""
        answer = refusal(InvalidRequest(msg))
        lines = [name + b": " + value for name, value in [*answer.head(), (b"connection", b"close")]]
        self.transport.write(b"\r\n".join([b"HTTP/1.1 400 Bad Request", *lines]) + b"\r\n\r\n" + answer.body)
        self.transport.close()

    def _is_unwanted(self) -> bool:
        return bool(self.cycle) and self.cycle.response_complete and self.cycle.more_body

    def _limit(self, seconds: float) -> None:
        self._unlimit()
        self._timer = self.loop.call_later(seconds, self._too_long)

    def _unlimit(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_long(self) -> None:
        self._timer = None
        self.transport.close()
