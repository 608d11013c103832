"""A replica of flow-service as a process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
from eventually import eventually

TOKEN = "internal"


class Replica:
    """One process. `api` is a client that carries the internal bearer."""

    def __init__(self, redis_url: str, workspace: Path, **variables: str) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("GESTALT_", "REDIS_"))}
        self._environment = {
            **clean,
            "REDIS_URL": redis_url,
            "GESTALT_INTERNAL_TOKEN": TOKEN,
            "GESTALT_WORKSPACE": str(workspace),
            "GESTALT_WEBHOOK_ALLOW": "127.0.0.1",
            **variables,
        }
        self.process: subprocess.Popen[bytes]
        self.api: httpx.AsyncClient

    async def start(self) -> None:
        self.process = subprocess.Popen(  # noqa: ASYNC220 - a blink, and kill must not depend on the loop
            [sys.executable, "-m", "gestalt_flow"],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        assert self.process.stdout is not None
        os.set_blocking(self.process.stdout.fileno(), False)
        line: bytes = await eventually(self.process.stdout.readline, 20, "the replica is ready")
        url = line.decode().removeprefix("ready ").strip()
        headers = {"Authorization": f"Bearer {TOKEN}"}
        self.api = httpx.AsyncClient(base_url=url, headers=headers, timeout=10, trust_env=False)

    def kill(self, number: int = signal.SIGKILL) -> None:
        self.process.send_signal(number)

    async def ended(self, seconds: float = 12.0) -> int:
        await eventually(lambda: self.process.poll() is not None, seconds, "the replica has ended")
        return self.process.returncode

    async def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        await self.api.aclose()

    async def get(self, path: str, **query: str) -> Any:
        answer = await self.api.get(path, params=query)
        return answer.raise_for_status().json()

    async def put(self, config: dict[str, Any]) -> dict[str, Any]:
        answer = await self.api.put("/api/flow/config", json=config)
        assert answer.status_code == 200, answer.text
        saved: dict[str, Any] = answer.json()
        return saved


Start = Callable[..., Awaitable[Replica]]
"""Starts a replica, with more variables if any are given."""
Publish = Callable[..., Awaitable[None]]
"""Publishes one event of a type."""
