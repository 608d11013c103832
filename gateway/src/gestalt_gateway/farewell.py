"""The last second of a client's WebSocket: our Close frame goes out, the client's answer is awaited, then it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from gestalt_gateway.frames import FrameWalker

ANSWER_SECONDS = 1.0
"""How long a client may take to answer a Close; a stop of the whole gateway waits for this."""


class Farewell(asyncio.Protocol):
    """Takes over a client's transport. `gone` is called once the connection is closed."""

    def __init__(self, transport: asyncio.Transport, walker: FrameWalker, gone: Callable[[], None]) -> None:
        self._transport = transport
        self._walker = walker
        self._gone = gone
        self._timer: asyncio.TimerHandle | None = None

    def say(self, last: bytes) -> None:
        """Send the last bytes and wait for the client's Close."""
        self._transport.set_protocol(self)
        self._transport.write(last)
        self._timer = asyncio.get_running_loop().call_later(ANSWER_SECONDS, self._transport.abort)
        self._transport.resume_reading()
        if self._walker.closed:
            self._transport.close()

    def shutdown(self) -> None:
        """The server stops (uvicorn's word for it): that is going on already."""

    def data_received(self, data: bytes) -> None:
        """Look for the client's Close; all else it sends has nowhere to go."""
        self._walker.feed(data)
        if self._walker.closed:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Gone."""
        if self._timer is not None:
            self._timer.cancel()
        self._gone()
