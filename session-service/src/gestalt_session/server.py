"""uvicorn's protocols for a worker: viewers have one of their own."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from fastapi import FastAPI
from uvicorn.config import Config
from uvicorn.server import ServerState

from gestalt_contracts.auth import ASGIApp
from gestalt_serving.event_socket import EventSocket
from gestalt_serving.server import configured
from gestalt_session.viewer_socket import ViewerSocket

GRACE_SECONDS = 2  # longest wait for requests to end: the whole stop takes less than three seconds
VIEWER_PATH = b"GET /ws/session/"


class Sockets(asyncio.Protocol):
    """What uvicorn makes for an upgrade: viewers get their own protocol, event streams uvicorn's.

    uvicorn sets this object as the transport's protocol after it has handed over the handshake, so the real one is set
    in the next turn of the loop; until then everything is passed on.
    """

    def __init__(self, config: Config, server_state: ServerState, app_state: dict[str, Any]) -> None:
        self._config, self._server_state, self._app_state = config, server_state, app_state
        self._transport: asyncio.Transport
        self._real: asyncio.Protocol | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the handshake, which comes next."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """The handshake, whole."""
        if self._real is None:
            self._real = self._choose(data)
            self._real.connection_made(self._transport)
            asyncio.get_running_loop().call_soon(self._transport.set_protocol, self._real)
        self._real.data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass it on."""
        if self._real is not None:
            self._real.connection_lost(exc)

    def _choose(self, handshake: bytes) -> asyncio.Protocol:
        if handshake.startswith(VIEWER_PATH):
            state = self._app_state
            return ViewerSocket(state["service"], state["settings"].token, self._server_state.connections)
        return EventSocket(self._config, self._server_state, self._app_state)


def config_of(app: ASGIApp | FastAPI) -> Config:
    """The configuration of uvicorn for a worker."""
    return configured(app, ws=Sockets, grace=GRACE_SECONDS)
