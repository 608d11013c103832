"""What was answered, told once a second on the bus: the summary of telemetry-service is made from it."""

from __future__ import annotations

import asyncio
from typing import Any

from gestalt_contracts.bus import Bus
from gestalt_contracts.service_logs import REQUESTS, published

EVERY_SECONDS = 1.0
MOST_WAITING = 20_000
"""Requests kept while the bus is away; further ones are not counted."""

Key = tuple[str, str, int, str]


class Tally:
    """Counts requests by route, method, status and agent, with the seconds that each took."""

    def __init__(self) -> None:
        self._seconds: dict[Key, list[float]] = {}
        self._waiting = 0
        self._news = asyncio.Event()

    def answered(self, method: str, route: str, status: int, seconds: float, agent: str) -> None:
        """Count one."""
        if self._waiting < MOST_WAITING:
            self._waiting += 1
            self._seconds.setdefault((route, method, status, agent), []).append(round(seconds, 5))
            self._news.set()

    async def publish_forever(self, bus: Bus) -> None:
        """Tell what was counted; while the bus is away it waits. Nothing counted, nothing wakes."""
        while True:
            await self._news.wait()
            await asyncio.sleep(EVERY_SECONDS)
            self._news.clear()
            if self._seconds:
                await self._publish(bus)

    async def _publish(self, bus: Bus) -> None:
        """What is counted meanwhile is told next time."""
        told, self._seconds, self._waiting = self._seconds, {}, 0
        if await published(bus, REQUESTS, _data(told)):
            return
        for (route, method, status, agent), seconds in told.items():
            for one in seconds:
                self.answered(method, route, status, one, agent)


def _data(told: dict[Key, list[float]]) -> dict[str, Any]:
    requests = [
        {"route": route, "method": method, "status": status, "agent": agent, "seconds": seconds}
        for (route, method, status, agent), seconds in told.items()
    ]
    return {"service": "gateway", "requests": requests}
