"""uvicorn's server for this service: told to stop inside the loop, and it says when it serves."""

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
from fastapi import FastAPI
from uvicorn.config import Config

from gestalt_contracts.auth import ASGIApp

GRACE_SECONDS = 1  # longest wait for requests to end: each is short
TICK_SECONDS = 1.0  # uvicorn's housekeeping (the Date header): an idle process should sleep
KEEP_ALIVE_SECONDS = 75  # the gateway keeps its pool warm
BACKLOG = 2048
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Server(uvicorn.Server):
    """Tells the application before it closes connections, and says when it serves."""

    def __init__(self, config: Config, *, stop: Callable[[], None], ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._tell_stop = stop
        self._tell_ready = ready
        self._exit = asyncio.Event()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - uvicorn's signature
        """Stop."""
        self.should_exit = True
        self._tell_stop()
        self._exit.set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        if not self.should_exit:
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


def config_of(app: ASGIApp | FastAPI) -> Config:
    """The configuration of uvicorn."""
    return Config(
        app,
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises OSError."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(BACKLOG)
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
