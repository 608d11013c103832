"""The gateway's server: its protocols, and a stop that waits for tunnels as well."""

from __future__ import annotations

import asyncio
import socket

from uvicorn.config import Config

from gestalt_contracts.auth import ASGIApp
from gestalt_gateway.http_protocol import BoundedHttp
from gestalt_gateway.upgrade import Upgrade
from gestalt_serving import server

EMPTY_LOOK_SECONDS = 0.01
"""How often a stop looks whether all connections have ended."""

GRACE_SECONDS = 2.0
"""Longest wait for requests and tunnels to end: the whole stop takes less than three seconds."""


class Server(server.Server):
    """Tunnels are connections of uvicorn's, but no requests: its own stop would cut them."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept no more, tell every connection, wait for them as long as it takes, but at most GRACE_SECONDS."""
        for listener in (*self.servers, *(sockets or ())):
            listener.close()
        state = self.server_state
        for connection in list(state.connections):
            connection.shutdown()
        try:
            async with asyncio.timeout(GRACE_SECONDS):
                while state.connections or state.tasks:  # noqa: ASYNC110 - uvicorn keeps them in plain sets
                    await asyncio.sleep(EMPTY_LOOK_SECONDS)
        except TimeoutError:
            for task in list(state.tasks):
                task.cancel()
        await self.lifespan.shutdown()


def config_of(app: ASGIApp) -> Config:
    """The configuration of uvicorn for the gateway."""
    return server.configured(app, http=BoundedHttp, ws=Upgrade, grace=None, date=True)
