"""Passing on to a remote OTLP endpoint through the whole system: what was queued survives kill -9."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from aiohttp import web

from tests.support import processes
from tests.support.client import Api
from tests.support.eventually import eventually
from tests.support.stack import Stack

TOKEN = "the token of this module"


class Remote:
    """An endpoint that is away until it is let: then it takes everything."""

    def __init__(self) -> None:
        self.here = False
        self.asked = 0
        self.came = b""

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=1 << 24)
        app.router.add_post("/v1/{signal}", self._take)
        self._runner = web.AppRunner(app, shutdown_timeout=0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        self.asked += 1
        body = await request.read()
        if self.here:
            self.came += body
        return web.Response(status=200 if self.here else 503)


async def tell(api: Api, text: str) -> None:
    async def told() -> bool:
        return (await api.http.post("/api/otel/logs", json={"body": text})).status_code == 204

    await eventually(told, 20, what="telemetry takes a line")


async def test_what_was_queued_for_a_remote_end_that_is_away_survives_kills_and_is_sent(tmp_path: Path) -> None:
    async with Remote() as remote:
        variables = {"GESTALT_OTEL_REMOTE_ENDPOINT": remote.url}
        async with Stack(tmp_path, token=TOKEN, variables=variables) as stack, stack.api() as api:
            texts = [f"line {number} for elsewhere" for number in range(3)]
            for text in texts:
                await tell(api, text)
                (pid,) = stack.services("gestalt_telemetry")
                processes.kill(pid)
            assert remote.asked > 0
            assert remote.came == b""
            remote.here = True

            def all_came() -> bool:
                return all(text.encode() in remote.came for text in texts)

            await eventually(all_came, 40, what="everything came")
