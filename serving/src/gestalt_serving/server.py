"""uvicorn's server, stopped in the order streams need, and started so that its parent can wait for it."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.config import Config

from gestalt_contracts.auth import ASGIApp

DATE_SECONDS = 1.0
"""How often a server that tells the date writes it anew; all others sleep: it is all that uvicorn's ticks are for."""

KEEP_ALIVE_SECONDS = 75
"""How long an idle connection is kept: browsers come back within a minute, and the gateway keeps its pools warm."""

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Server(uvicorn.Server):
    """Tells the application before it closes connections, and says when it serves.

    `late` hears how late the loop was, seconds, whenever the date is written.
    """

    def __init__(
        self,
        config: Config,
        *,
        stop: Callable[[], None],
        ready: Callable[[], None],
        late: Callable[[float], None] | None = None,
    ) -> None:
        super().__init__(config)
        self._tell_stop = stop
        self._tell_ready = ready
        self._tell_late = late
        self._exit = asyncio.Event()

    def stop(self) -> None:
        """Stop: streams first (their ends must be written while connections stand), then the server."""
        self.should_exit = True
        self._tell_stop()
        self._exit.set()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - uvicorn's signature
        """A signal to stop."""
        self.stop()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so; a lifespan that failed has set `should_exit`."""
        await super().startup(sockets)
        if not self.should_exit:
            self._tell_ready()

    async def main_loop(self) -> None:
        """Sleep until told to stop."""
        pause = DATE_SECONDS if self.config.date_header else None
        while not await self.on_tick(0):
            begun = time.monotonic()
            try:
                async with asyncio.timeout(pause):
                    await self._exit.wait()
            except TimeoutError:
                self._note_late(time.monotonic() - begun - (pause or 0.0))

    def _note_late(self, seconds: float) -> None:
        if self._tell_late is not None:
            self._tell_late(seconds)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle signals inside the loop, and end with exit code 0 after a stop that was asked for."""
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, self.stop)
        try:
            yield
        finally:
            for number in SIGNALS:
                loop.remove_signal_handler(number)


def configured(app: ASGIApp, *, ws: Any, http: Any = "httptools", grace: int | None, date: bool = False) -> Config:
    """Uvicorn's configuration. `http`, `ws`: its protocol classes; `grace`: seconds that requests have to end.

    `date`: whether answers carry it; those that go through the gateway get its own.
    """
    return Config(
        app,
        http=http,
        ws=ws,
        ws_per_message_deflate=False,
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=date,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=grace,
    )
