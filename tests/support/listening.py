"""Followers of event streams, over WebSocket or SSE: they come back with their last id and notice wrong order."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage

from tests.support.client import RECONNECT_SECONDS, Api, Broken, bearer
from tests.support.eventually import eventually

Frame = dict[str, Any]
LEFT = (OSError, TimeoutError, ConnectionClosed, InvalidHandshake, InvalidMessage, httpx.HTTPError)
"""How a connection may end; whoever follows a stream comes back then."""


class Listener:
    """The events of one stream, from the first connection on or from `after`; a path that ends in `stream` is SSE.

    It resumes with the id it got last, each time at the next of `apis`. `frames` is what it was told, `codes` how its
    WebSockets ended, `connections` how often it was let in. An id that is not above the last one without a reset
    before it ends it: `raise_if_broken` raises Broken then.
    """

    def __init__(self, apis: Sequence[Api], path: str, *, after: str | None = None) -> None:
        self._apis, self._path = apis, path
        self.last = after
        self.frames: list[Frame] = []
        self.codes: list[int] = []
        self.connections = 0
        self.task: asyncio.Task[None] | None = None

    @property
    def ids(self) -> list[str]:
        """The ids of the events, in the order in which they came."""
        return [str(frame["id"]) for frame in self.frames if "id" in frame]

    def of(self, kind: str, session_id: str | None = None) -> list[Frame]:
        """What was told of a kind, of one session or of all."""
        return [
            frame
            for frame in self.frames
            if frame["type"] == kind and (session_id is None or frame.get("session_id") == session_id)
        ]

    def raise_if_broken(self) -> bool:
        """True while it follows. Raises Broken, or whatever else has ended it."""
        if self.task is not None and self.task.done():
            self.task.result()
        return True

    async def follow(self) -> None:
        """Until cancelled."""
        listen = self._over_sse if self._path.partition("?")[0].endswith("stream") else self._over_websocket
        while True:
            api = self._apis[self.connections % len(self._apis)]
            with contextlib.suppress(*LEFT):
                await listen(api)
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _over_websocket(self, api: Api) -> None:
        query = f"?after={self.last}" if self.last else ""
        url = f"ws{api.url.removeprefix('http')}{self._path}{query}"
        async with connect(url, additional_headers=bearer(api.token), proxy=None, ping_interval=None) as socket:
            self.connections += 1
            with contextlib.suppress(ConnectionClosed):
                async for message in socket:
                    self._got(json.loads(message))
        self.codes.append(int(socket.close_code or 1006))

    async def _over_sse(self, api: Api) -> None:
        headers = {"Last-Event-ID": self.last} if self.last else {}
        async with api.http.stream("GET", self._path, headers=headers, timeout=None) as stream:
            stream.raise_for_status()
            async for line in stream.aiter_lines():
                if line.startswith("retry:"):
                    self.connections += 1
                elif line.startswith("data: "):
                    self._got(json.loads(line.removeprefix("data: ")))

    def _got(self, frame: Frame) -> None:
        if frame["type"] == "reset":
            self.last = None
        elif self.last is not None and place(frame["id"]) <= place(self.last):
            raise Broken(f"{frame} after {self.last}")
        self.frames.append(frame)
        self.last = str(frame["id"]) if "id" in frame else self.last


def place(event_id: str) -> tuple[int, ...]:
    """Ids are opaque to clients; a test may know that they are those of a Redis stream, which are ordered."""
    return tuple(int(word) for word in event_id.split("-"))


@asynccontextmanager
async def listening(
    *apis: Api, path: str = "/api/sessions/events", after: str | None = None
) -> AsyncIterator[Listener]:
    """A listener that is connected; what it noticed is raised on leaving, too."""
    listener = Listener(apis, path, after=after)
    listener.task = asyncio.create_task(listener.follow())
    try:
        await eventually(lambda: listener.raise_if_broken() and listener.connections > 0, what=f"{path} is open")
        yield listener
        listener.raise_if_broken()
    finally:
        listener.task.cancel()
        await asyncio.gather(listener.task, return_exceptions=True)
