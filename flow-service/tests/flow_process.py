"""A replica of flow-service as a process.

Most of a start is imports, and the tests start dozens: replicas are forked from a process that has them all. Each is
an ordinary process otherwise, with its own environment, and as mortal.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Awaitable, Callable, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import httpx
from eventually import eventually

from gestalt_flow.__main__ import main

TOKEN = "internal"
LINE_BYTES = 200  # more than the one line that a replica says
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["gestalt_flow.__main__", "pytest"])


def _run(environment: Mapping[str, str], said: Connection) -> None:
    """What the new process does: the service, saying what it says to `said`."""
    os.environ.clear()
    os.environ.update(environment)
    os.dup2(said.fileno(), 1)
    main()


class Replica:
    """One process. `api` is a client that carries the internal bearer."""

    def __init__(self, redis_url: str, workspace: Path, **variables: str) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("GESTALT_", "REDIS_"))}
        environment = {
            **clean,
            "REDIS_URL": redis_url,
            "GESTALT_INTERNAL_TOKEN": TOKEN,
            "GESTALT_WORKSPACE": str(workspace),
            "GESTALT_WEBHOOK_ALLOW": "127.0.0.1",
            **variables,
        }
        self._heard, self._said = _processes.Pipe(duplex=False)
        self.process = _processes.Process(target=_run, args=(environment, self._said), daemon=True)
        self.api: httpx.AsyncClient

    async def start(self) -> None:
        self.process.start()
        self._said.close()
        await eventually(self._heard.poll, 20, "the replica is ready")
        url = os.read(self._heard.fileno(), LINE_BYTES).decode().removeprefix("ready ").strip()
        headers = {"Authorization": f"Bearer {TOKEN}"}
        self.api = httpx.AsyncClient(base_url=url, headers=headers, timeout=10, trust_env=False)

    def kill(self, number: int = signal.SIGKILL) -> None:
        assert self.process.pid is not None
        os.kill(self.process.pid, number)

    async def ended(self, seconds: float = 12.0) -> int:
        await eventually(lambda: self.process.exitcode is not None, seconds, "the replica has ended")
        assert self.process.exitcode is not None
        return self.process.exitcode

    async def close(self) -> None:
        self.process.kill()
        self.process.join()
        self._heard.close()
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
