"""Whether this gateway can serve: itself, Redis, and what it forwards to (`/readyz`)."""

from __future__ import annotations

import asyncio
from typing import Any

from gestalt_contracts.directory import DirectoryUnavailable
from gestalt_gateway.live_directory import LiveDirectory
from gestalt_gateway.services import Services

PROBE_SECONDS = 1.0
"""Longest wait for Redis: who asks for readiness will ask again."""

OPTIONAL = ("flow", "telemetry")
"""Reported, but not required: the system serves terminals without them."""


class Readiness:
    """Looks when asked. `stopping` set: not ready any more."""

    def __init__(self, live: LiveDirectory, services: Services, stopping: asyncio.Event) -> None:
        self._live = live
        self._services = services
        self._stopping = stopping

    async def report(self) -> dict[str, Any]:
        """`ready`, what is `failing`, and every check's word."""
        checks = {
            "gateway": "stopping" if self._stopping.is_set() else "ok",
            "redis": await self._redis(),
            "session-service": "ok" if self._live.workers_alive else "no live worker",
        }
        failing = [name for name, word in checks.items() if word != "ok"]
        for name in OPTIONAL:
            checks[f"{name}-service"] = await self._service(name) if checks["redis"] == "ok" else "unknown"
        return {
            "ready": not failing,
            "failing": failing,
            "checks": checks,
            "session_workers": self._live.workers_alive,
        }

    async def _service(self, name: str) -> str:
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                return "ok" if await self._services.address(name) else "absent"
        except (DirectoryUnavailable, TimeoutError):
            return "unknown"

    async def _redis(self) -> str:
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                await self._live.refresh()
        except (DirectoryUnavailable, TimeoutError):
            return "unreachable"
        return "ok" if self._live.loaded.is_set() else "directory not loaded"
