"""A service refused the upgrade: its HTTP answer goes to the client as it is, then both connections end."""

from __future__ import annotations

import asyncio

COMPLETE_SECONDS = 5.0
"""How long the rest of the refusal may take; it is one small JSON body."""


class RefusedUpgrade(asyncio.Protocol):
    """Reads the rest of a service's answer and passes it on."""

    def __init__(self, client: asyncio.Transport, upstream: asyncio.Transport) -> None:
        self._client = client
        self._upstream = upstream

    def begin(self, received: bytes) -> None:
        """Pass on what has come, then the rest."""
        self._client.write(received)
        self._upstream.set_protocol(self)
        self._timer = asyncio.get_running_loop().call_later(COMPLETE_SECONDS, self._upstream.abort)
        self._upstream.resume_reading()

    def data_received(self, data: bytes) -> None:
        """More of the answer."""
        self._client.write(data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """All of it."""
        self._timer.cancel()
        self._client.close()
