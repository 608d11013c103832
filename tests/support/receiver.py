"""What webhooks are sent to: it remembers what came, and answers when it is let."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Self

from aiohttp import web


class Receiver:
    """`async with Receiver() as receiver`. While `gate` is clear, no request is answered."""

    def __init__(self) -> None:
        self.came: list[dict[str, Any]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.url = ""

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._take)
        self._runner = web.AppRunner(app, shutdown_timeout=0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.gate.set()
        await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        body = json.loads(await request.read())
        self.came.append({"key": request.headers["Idempotency-Key"], "body": body})
        await self.gate.wait()
        return web.Response()

    def paths(self) -> list[str]:
        """The `path` field of each event that came."""
        return [one["body"]["event"].get("path", "") for one in self.came]
