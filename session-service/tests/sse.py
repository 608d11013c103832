"""A client of a worker's SSE streams."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
from session_world import Running
from waiting import eventually

ALL_EVENTS = "/api/events/stream"


class Sse:
    """A stream that is read to its end. `blocks` are its texts between empty lines."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.blocks: list[str] = []
        self.ended = False

    async def read(self) -> None:
        """Until it ends."""
        text = ""
        async for part in self.response.aiter_text():
            *whole, text = (text + part).split("\n\n")
            self.blocks += whole
        self.ended = True

    @property
    def events(self) -> list[dict[str, Any]]:
        """What its data said. The id stands before it too, and nothing else does."""
        found = []
        for block in self.blocks:
            fields = dict(line.split(": ", 1) for line in block.split("\n") if not line.startswith(":"))
            if "data" in fields:
                event = json.loads(fields.pop("data"))
                assert fields == ({"id": event["id"]} if "id" in event else {})
                found.append(event)
        return found

    async def hears(self, count: int) -> list[dict[str, Any]]:
        """Wait for so many events."""
        await eventually(lambda: len(self.events) >= count)
        return self.events


@asynccontextmanager
async def sse(worker: Running, path: str = ALL_EVENTS, **headers: str) -> AsyncIterator[Sse]:
    """Follow a stream, from its first block on."""
    async with worker.http.stream("GET", path, headers=headers) as response:
        assert response.status_code == 200
        stream = Sse(response)
        reading = asyncio.create_task(stream.read())
        try:
            await eventually(lambda: stream.blocks or stream.ended)
            yield stream
        finally:
            reading.cancel()
            with suppress(asyncio.CancelledError):
                await reading
