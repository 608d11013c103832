"""What receives webhooks in tests: answers as it is told, and remembers what came."""

from __future__ import annotations

import asyncio
from typing import Any, Self

from aiohttp import web

PATIENCE_SECONDS = 0.05
"""For requests that are still being answered at the end. Zero would mean without limit."""


class Receiver:
    """`async with Receiver() as receiver`: an HTTP server on a free port. `answers` are given in turn, then 200."""

    def __init__(self) -> None:
        self.came: list[dict[str, Any]] = []
        self.answers: list[int] = []
        self.delay = 0.0
        self.headers: dict[str, str] = {}
        self.url = ""

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=1 << 24)
        app.router.add_route("*", "/{path:.*}", self._take)
        self._runner = web.AppRunner(app, shutdown_timeout=PATIENCE_SECONDS)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        seen = {"method": request.method, "path": request.path, "body": body, "headers": dict(request.headers)}
        self.came.append(seen)
        await asyncio.sleep(self.delay)
        seen["answered"] = True
        return web.Response(status=self.answers.pop(0) if self.answers else 200, headers=self.headers)

    def keys(self) -> list[str]:
        """The idempotency keys, as they came."""
        return [one["headers"]["Idempotency-Key"] for one in self.came]
