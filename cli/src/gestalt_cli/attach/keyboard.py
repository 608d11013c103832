"""What waits to be sent: keys, and the size of this terminal."""

from __future__ import annotations

import asyncio
import json
from collections import deque

MOST_WAITING = 64 * 1024
"""Bytes typed that may wait for the server. More of a pipe is not read; more of a person's is refused with a bell."""
CHUNK = 16 * 1024

Size = tuple[int, int]


class Keyboard:
    """Keys go out once: what was handed to a connection that then broke is not sent again, nothing is typed twice."""

    def __init__(self) -> None:
        self._frames: deque[bytearray] = deque()
        self._waiting = 0
        self._sealed = False
        self._sizes: list[Size] = []
        self._some = asyncio.Event()
        self._room = asyncio.Event()
        self._none = asyncio.Event()
        self._settle()

    @property
    def full(self) -> bool:
        """Whether no more should be typed for now."""
        return self._waiting >= MOST_WAITING

    def type(self, data: bytes, *, alone: bool = False) -> None:
        """Take keys; `alone`: in a frame of their own."""
        if alone or self._sealed or not self._frames:
            self._frames.append(bytearray())
        self._frames[-1] += data
        self._waiting += len(data)
        self._sealed = alone
        self._settle()

    def resize(self, size: Size) -> None:
        """Take a size; an older one that still waits is no longer true."""
        self._sizes = [size]
        self._settle()

    async def room(self) -> None:
        """Returns when not full."""
        await self._room.wait()

    async def sent(self) -> None:
        """Returns when nothing waits."""
        await self._none.wait()

    async def next(self) -> str | bytes:
        """What goes out next: a size as a control frame, else keys."""
        await self._some.wait()
        item = _resize(self._sizes.pop()) if self._sizes else self._keys()
        self._settle()
        return item

    def _keys(self) -> bytes:
        frame = self._frames[0]
        keys = bytes(frame[:CHUNK])
        del frame[:CHUNK]
        self._waiting -= len(keys)
        if not frame:
            self._frames.popleft()
        return keys

    def _settle(self) -> None:
        waiting = bool(self._frames or self._sizes)
        for event, holds in ((self._some, waiting), (self._none, not waiting), (self._room, not self.full)):
            (event.set if holds else event.clear)()


def _resize(size: Size) -> str:
    return json.dumps({"type": "resize", "cols": size[0], "rows": size[1]})
