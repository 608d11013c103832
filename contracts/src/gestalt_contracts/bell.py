"""Waking all who wait for news, without a queue for any of them."""

from __future__ import annotations

import asyncio


class Bell:
    """Rung when something changed; who waits looks again. Check first, then wait: nothing in between is missed."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Wake all who wait now."""
        self._rung.set()
        self._rung = asyncio.Event()

    async def wait(self) -> None:
        """Return when it is rung next."""
        await self._rung.wait()
