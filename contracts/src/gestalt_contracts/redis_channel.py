"""One pub/sub connection to one channel, for as long as somebody in this process listens."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from gestalt_contracts.redis_client import CALL_SECONDS, away_as

QUIET_SECONDS = 5.0
"""Silence after which the connection is asked whether it still stands: a half-open one never says that it is not."""

FIRST_PAUSE, LONGEST_PAUSE = 0.02, 1.0
"""Seconds between attempts to connect; they double from the first to the longest."""

log = logging.getLogger(__name__)


class ChannelLost(Exception):
    """The connection is gone; messages may have been missed."""


class Channel:
    """Calls `on_link` after each confirmed SUBSCRIBE and `on_message` with each message, in the order of Redis.

    After `quiet` seconds of silence the connection has `patience` seconds to show that it still stands.
    """

    def __init__(
        self,
        client: Redis,
        name: str,
        on_link: Callable[[], None],
        on_message: Callable[[bytes], None],
        *,
        quiet: float = QUIET_SECONDS,
        patience: float = CALL_SECONDS,
    ) -> None:
        self._client = client
        self._name = name
        self._on_link = on_link
        self._on_message = on_message
        self._quiet = quiet
        self._patience = patience
        self._listeners = 0
        self._task: asyncio.Task[None] | None = None
        self._linked = asyncio.Event()
        self._pause = FIRST_PAUSE
        self._outage_told = False

    @property
    def is_linked(self) -> bool:
        """Whether the subscription stands now, as far as we know."""
        return self._linked.is_set()

    async def linked(self) -> None:
        """Return once SUBSCRIBE is confirmed. Raises TimeoutError when Redis does not answer in time."""
        async with asyncio.timeout(CALL_SECONDS):
            await self._linked.wait()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Hold the subscription; the first listener in this process begins it, the last one ends it."""
        self._listeners += 1
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=f"listen to {self._name}")
        try:
            yield
        finally:
            self._listeners -= 1
            if self._listeners == 0:
                await self._stop()

    async def _stop(self) -> None:
        task, self._task = self._task, None
        self._linked.clear()
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            try:
                with away_as(ChannelLost):
                    await self._listen()
            except ChannelLost as error:
                self._tell_outage(error)
            except Exception:
                log.exception("listening to %s failed", self._name)
            self._linked.clear()
            await asyncio.sleep(self._pause)
            self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def _tell_outage(self, error: ChannelLost) -> None:
        if not self._outage_told:
            log.warning("lost channel %s: %s", self._name, error)
        self._outage_told = True

    async def _listen(self) -> None:
        pool = self._client.connection_pool
        connection = await pool.get_connection()  # type: ignore[no-untyped-call]
        try:
            await connection.send_command("SUBSCRIBE", self._name, check_health=False)
            await connection.read_response(disconnect_on_error=False)
            self._pause, self._outage_told = FIRST_PAUSE, False
            self._on_link()
            self._linked.set()
            while True:
                self._take(await self._next(connection))
        finally:
            await connection.disconnect(nowait=True)
            await pool.release(connection)

    def _take(self, answer: list[bytes]) -> None:
        if answer[0] == b"message":
            self._on_message(answer[2])

    async def _next(self, connection: Any) -> list[bytes]:
        answer = await connection.read_response(timeout=self._quiet, disconnect_on_error=False)
        if answer is None:
            await connection.send_command("PING", check_health=False)
            answer = await connection.read_response(timeout=self._patience, disconnect_on_error=False)
        if answer is None:
            raise RedisConnectionError("no answer to PING")
        return answer  # type: ignore[no-any-return]
