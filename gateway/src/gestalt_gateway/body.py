"""The request body on its way through: bounded, kept when it is small, streamed when it is not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from gestalt_contracts.auth import Receive
from gestalt_contracts.errors import GestaltError, TimedOut
from gestalt_gateway.door import too_large

KEPT_BYTES = 64 * 1024
"""Bodies up to this size are kept for a second try."""

SILENCE_SECONDS = 30.0
"""How long a client may pause within a body: a half-open one must not hold an upstream for ever."""


class HungUp(Exception):
    """The client went away before its body was complete."""


class RequestBody:
    """A body of at most `limit` bytes. `read_head` first; then it is `complete` and `kept`, or to be streamed."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._limit = limit
        self._size = 0
        self.kept = b""
        self.complete = False
        self.streaming = False
        """Whether a piece has been given out that is not kept: the request cannot be sent again."""
        self.refusal: GestaltError | None = None
        """Why the stream was broken off, if it was our doing."""
        self.hung_up = False

    async def read_head(self) -> None:
        """Read the whole body if it is small, else its beginning. Raises PayloadTooLarge, TimedOut, HungUp."""
        pieces = [await self._next()]
        while not self.complete and self._size <= KEPT_BYTES:
            pieces.append(await self._next())
        self.kept = b"".join(pieces)

    async def read_all(self) -> bytes:
        """The whole body in memory, for routes of our own."""
        await self.read_head()
        pieces = [self.kept]
        while not self.complete:
            pieces.append(await self._next())
        return b"".join(pieces)

    async def stream(self, complete: Callable[[], None]) -> AsyncIterator[bytes]:
        """The whole body from its beginning, then call `complete`. What breaks it off is noted in `refusal`, too."""
        self.streaming = True
        try:
            yield self.kept
            while not self.complete:
                yield await self._next()
            complete()
        except GestaltError as error:
            self.refusal = error
            raise

    async def _next(self) -> bytes:
        try:
            async with asyncio.timeout(SILENCE_SECONDS):
                message = await self._receive()
        except TimeoutError as error:
            raise TimedOut("the request body did not come in time") from error
        if message["type"] == "http.disconnect":
            self.hung_up = True
            raise HungUp
        piece: bytes = message.get("body", b"")
        self.complete = not message.get("more_body", False)
        self._size += len(piece)
        if self._size > self._limit:
            raise too_large(self._limit)
        return piece
