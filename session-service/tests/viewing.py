"""Clients of a worker's WebSockets: one that keeps what it is sent, and one made by hand."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any, Self

from waiting import DEADLINE, eventually
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

INTERNAL = "internal secret"
BEARER = {"Authorization": f"Bearer {INTERNAL}"}


class Viewer:
    """One WebSocket connection that keeps what it is sent."""

    def __init__(self, url: str, *, headers: dict[str, str] | None = None, reads: bool = True, **how: Any) -> None:
        self._url = url
        self._how = {"additional_headers": BEARER if headers is None else headers, "proxy": None, **how}
        self._reads = reads
        self._stack = AsyncExitStack()
        self.connection: ClientConnection
        self.data = bytearray()
        self.words: list[dict[str, Any]] = []
        self.ended = asyncio.Event()

    async def __aenter__(self) -> Self:
        link = connect(self._url, compression=None, max_size=None, ping_interval=None, close_timeout=1, **self._how)
        self.connection = await self._stack.enter_async_context(link)
        if self._reads:
            reading = asyncio.create_task(self._read())
            self._stack.callback(reading.cancel)
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    async def _read(self) -> None:
        with suppress(ConnectionClosed):
            async for frame in self.connection:
                if isinstance(frame, str):
                    self.words.append(json.loads(frame))
                else:
                    self.data += frame
        self.ended.set()

    async def shows(self, text: bytes) -> None:
        """Wait until `text` has come."""
        await eventually(lambda: text in self.data or self._gave(text))

    def _gave(self, text: bytes) -> bool:
        assert not self.ended.is_set(), f"{text!r} never came, but {bytes(self.data[-200:])!r}"
        return False

    async def hears(self, kind: str, count: int = 1) -> dict[str, Any]:
        """Wait for the nth text frame of a type."""
        await eventually(lambda: len(self.told(kind)) >= count)
        return self.told(kind)[count - 1]

    def told(self, kind: str) -> list[dict[str, Any]]:
        """The text frames of a type."""
        return [word for word in self.words if word["type"] == kind]

    async def closed(self) -> tuple[int | None, str | None]:
        """Wait for the Close: its code and reason."""
        async with asyncio.timeout(DEADLINE):
            await self.ended.wait()
        return self.connection.close_code, self.connection.close_reason

    async def send(self, message: bytes | str) -> None:
        """One frame, binary or text."""
        await self.connection.send(message)

    async def resize(self, cols: Any, rows: Any) -> None:
        """A control frame."""
        await self.send(json.dumps({"type": "resize", "cols": cols, "rows": rows}))

    def cut(self) -> None:
        """Cut it as a broken network does."""
        self.connection.transport.abort()


@asynccontextmanager
async def by_hand(
    port: int, path: str, *headers: str
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """An upgrade request on a bare connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    key = base64.b64encode(bytes(16)).decode()
    lines = [
        f"GET {path} HTTP/1.1",
        "Host: x",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
    ]
    lines += [f"Sec-WebSocket-Key: {key}", f"Authorization: {BEARER['Authorization']}", *headers]
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n")
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
        with suppress(OSError):
            await writer.wait_closed()
