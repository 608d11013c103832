"""uvicorn's server, stopped in the order streams need, and started so that its parent can wait for it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import uvicorn
from uvicorn.config import Config

from gestalt_contracts.auth import ASGIApp
from gestalt_gateway.http_protocol import BoundedHttp
from gestalt_gateway.upgrade import Upgrade

EMPTY_LOOK_SECONDS = 0.01
"""How often a stop looks whether all connections have ended."""

GRACE_SECONDS = 2.0
"""Longest wait for requests and tunnels to end: the whole stop takes less than three seconds."""

TICK_SECONDS = 1.0
"""How often uvicorn's housekeeping runs (the Date header): an idle process should sleep."""

KEEP_ALIVE_SECONDS = 75
"""How long an idle client connection is kept: browsers come back within a minute."""

BACKLOG = 2048  # connections waiting to be accepted

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Server(uvicorn.Server):
    """Tells the application before it closes connections, and says when it serves."""

    def __init__(self, config: Config, *, stop: Callable[[], None], ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._tell_stop = stop
        self._tell_ready = ready
        self._exit = asyncio.Event()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - uvicorn's signature
        """Stop: streams first (their ends must be written while connections stand), then the server."""
        self.should_exit = True
        self._tell_stop()
        self._exit.set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        self._tell_ready()

    async def main_loop(self) -> None:
        """Sleep until told to stop."""
        counter = 0
        while not await self.on_tick(counter):
            counter += 10  # uvicorn counts tenths of a second
            try:
                async with asyncio.timeout(TICK_SECONDS):
                    await self._exit.wait()
            except TimeoutError:
                continue

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

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle signals inside the loop, and end with exit code 0 after a stop that was asked for."""
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in SIGNALS:
                loop.remove_signal_handler(number)


def config_of(app: ASGIApp) -> Config:
    """The configuration of uvicorn for the gateway."""
    return Config(
        app,
        http=BoundedHttp,
        ws=Upgrade,
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)  # here, so that a port that is taken is known before anything starts
    except OSError:
        listener.close()
        raise
    return listener


@contextmanager
def parent_gone(then: Callable[[], None]) -> Iterator[None]:
    """Call `then` when stdin ends: whoever started us holds its other end."""
    loop, stdin = asyncio.get_running_loop(), sys.stdin.fileno()

    def look() -> None:
        if not os.read(stdin, 1024):
            loop.remove_reader(stdin)
            then()

    loop.add_reader(stdin, look)
    try:
        yield
    finally:
        loop.remove_reader(stdin)
