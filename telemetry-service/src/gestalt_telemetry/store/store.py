"""The store as the service uses it: one writer, a few readers in threads."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import structlog

from gestalt_contracts.bell import Bell
from gestalt_telemetry.store.client import WriterClient
from gestalt_telemetry.store.reader import Reader, TookTooLong, Unreadable
from gestalt_telemetry.store.wire import Done, State, Write
from gestalt_telemetry.writer import Config

T = TypeVar("T")
READERS = 2
"""Queries at once: more would only take turns on the interpreter."""
TRIES = 3  # of a query that finds damaged segments

log = structlog.get_logger()


class StoreUnreadable(Exception):
    """The store cannot be read now."""


class Store:
    """Enter `running`; then `write`, `ask`, and `bell`, which rings whenever there may be more to read."""

    def __init__(self, config: Config) -> None:
        self._folder = Path(config.folder)
        self._writer = WriterClient(config, self._heard)
        self._readers: asyncio.Queue[Reader | None] = asyncio.Queue()  # READERS of them, open or yet to be opened
        self.bell = Bell()

    @property
    def writer(self) -> WriterClient:
        """What keeps the writer."""
        return self._writer

    @property
    def last_log(self) -> int:
        """The newest log id; 0 before the first."""
        return self._writer.state.last_log if self._writer.state else 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Store]:
        """Keep the writer; close everything at the end."""
        for _ in range(READERS):
            self._readers.put_nowait(None)
        keeping = asyncio.create_task(self._writer.run())
        try:
            yield self
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
            while not self._readers.empty():
                reader = self._readers.get_nowait()
                if reader is not None:
                    reader.close()

    async def write(self, write: Write) -> Done:
        """As WriterClient.write."""
        return await self._writer.write(write)

    async def ask(self, question: Callable[[Reader], T]) -> T:
        """Answer a question in a thread. Raises StoreUnreadable and TookTooLong."""
        for _ in range(TRIES):
            try:
                return await self._ask(question)
            except Unreadable as error:
                log.error("a segment cannot be read", number=error.number, reason=str(error))  # noqa: TRY400
                self._writer.report_damage(error.number, str(error))
        raise StoreUnreadable

    async def _ask(self, question: Callable[[Reader], T]) -> T:
        reader = await self._readers.get()
        asked = asyncio.ensure_future(asyncio.to_thread(self._answer, reader, question))
        asked.add_done_callback(self._give_back)  # also when who asked has left: the thread goes on
        return (await asyncio.shield(asked))[1]

    def _give_back(self, asked: asyncio.Future[tuple[Reader, T]]) -> None:
        failed = asked.cancelled() or asked.exception() is not None
        self._readers.put_nowait(None if failed else asked.result()[0])

    def _answer(self, reader: Reader | None, question: Callable[[Reader], T]) -> tuple[Reader, T]:
        try:
            reader = reader or Reader(self._folder)
            with reader.limited():
                return reader, question(reader)
        except sqlite3.Error as error:
            if reader is not None:
                reader.close()
            raise StoreUnreadable from error
        except (Unreadable, TookTooLong):
            if reader is not None:
                reader.close()
            raise

    def _heard(self, state: State) -> None:
        self.bell.ring()
        if state.dropped:
            self._let_go()

    def _let_go(self) -> None:
        """Readers that wait close what was dropped, or its bytes are not free; those at work do so when used next."""
        for _ in range(self._readers.qsize()):
            reader = self._readers.get_nowait()
            if reader is not None:
                reader.forget_gone()
            self._readers.put_nowait(reader)
