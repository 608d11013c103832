"""The store as the service uses it: one writer, a few readers in threads."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import structlog

from gestalt_contracts.bell import Bell
from gestalt_telemetry.queries import histogram, logs, points, series, shown, timed, usage
from gestalt_telemetry.queries.logs import Wanted
from gestalt_telemetry.queries.shown import Shown
from gestalt_telemetry.refusals import StoreUnreadable, TookTooLong
from gestalt_telemetry.store.client import WriterClient
from gestalt_telemetry.store.port import PAGE, Line, SeriesWanted
from gestalt_telemetry.store.reader import Reader, Unreadable
from gestalt_telemetry.store.rows import searched
from gestalt_telemetry.store.wire import Done, State, Write
from gestalt_telemetry.writer import Config

T = TypeVar("T")
READERS = 2
"""Queries at once: more would only take turns on the interpreter."""
TRIES = 3  # of a query that finds damaged segments

log = structlog.get_logger()

Lane = asyncio.Queue[Reader | None]
"""Readers that wait for a question."""


class SegmentStore:
    """As port.Store: every question is answered by a reader, in a thread of its own."""

    def __init__(self, config: Config) -> None:
        self._folder = Path(config.folder)
        self._writer = WriterClient(config, self._heard)
        self._readers: Lane = asyncio.Queue()  # READERS of them, open or yet to be opened
        self._live_readers: Lane = asyncio.Queue()  # one for those who follow: they never wait behind a long question
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
    async def running(self) -> AsyncIterator[SegmentStore]:
        """Keep the writer; close everything at the end."""
        for _ in range(READERS):
            self._readers.put_nowait(None)
        self._live_readers.put_nowait(None)
        keeping = asyncio.create_task(self._writer.run())
        try:
            yield self
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
            for reader in (*_idle(self._readers), *_idle(self._live_readers)):
                reader.close()

    async def write(self, write: Write) -> Done:
        """As WriterClient.write."""
        return await self._writer.write(write)

    # -- questions

    async def logs(self, wanted: Wanted, limit: int) -> bytes:
        """As port.Store."""
        return await self._page(lambda reader: _shown_logs(reader, wanted, limit))

    async def histogram(self, wanted: Wanted, step: int) -> list[dict[str, Any]]:
        """As port.Store."""
        return await self.ask(partial(histogram.buckets, wanted=wanted, step=step))

    async def spans(self, wanted: timed.Wanted, limit: int) -> bytes:
        """As port.Store."""
        return await self._page(partial(timed.newest, kind=timed.SPANS, wanted=wanted, limit=limit))

    async def metrics(self, wanted: timed.Wanted, limit: int) -> bytes:
        """As port.Store."""
        return await self._page(partial(timed.newest, kind=timed.METRICS, wanted=wanted, limit=limit))

    async def trace(self, trace_id: bytes) -> list[Shown]:
        """As port.Store."""
        return await self.ask(partial(timed.trace, trace_id=trace_id))

    async def series(self, asked: SeriesWanted) -> series.Found:
        """As port.Store."""
        return await self.ask(partial(_series, asked=asked))

    async def usage(self, since: int | None, until: int | None) -> list[dict[str, Any]]:
        """As port.Store."""
        return await self.ask(partial(_usage, since=since, until=until))

    async def lines_after(self, after: int) -> list[Line]:
        """As port.Store; in a lane of its own."""
        return await self.ask(partial(_lines_after, after=after), live=True)

    async def oldest_log(self) -> int | None:
        """As port.Store."""
        return await self.ask(logs.oldest)

    async def last_before(self, arrival: int) -> int:
        """As port.Store."""
        return await self.ask(partial(logs.last_before, arrival=arrival))

    async def size(self) -> int:
        """As port.Store."""
        return await self.ask(Reader.size)

    async def _page(self, question: Callable[[Reader], object]) -> bytes:
        """The answer encoded where it was found: in the reader's thread."""
        return await self.ask(lambda reader: msgspec.json.encode(question(reader)) + b"\n")

    async def ask(self, question: Callable[[Reader], T], *, live: bool = False) -> T:
        """Answer a question in a thread; `live`: for a stream. Raises StoreUnreadable and TookTooLong."""
        lane = self._live_readers if live else self._readers
        for _ in range(TRIES):
            try:
                return await self._ask(lane, question)
            except Unreadable as error:
                log.error("a segment cannot be read", number=error.number, reason=str(error))  # noqa: TRY400
                self._writer.report_damage(error.number, str(error))
        raise StoreUnreadable

    async def _ask(self, lane: Lane, question: Callable[[Reader], T]) -> T:
        reader = await lane.get()
        asked = asyncio.ensure_future(asyncio.to_thread(self._answer, reader, question))
        asked.add_done_callback(partial(_give_back, lane))  # also when who asked has left: the thread goes on
        return (await asyncio.shield(asked))[1]

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
        for lane in (self._readers, self._live_readers):
            for reader in _idle(lane):
                reader.forget_gone()
                lane.put_nowait(reader)


def _shown_logs(reader: Reader, wanted: Wanted, limit: int) -> list[Shown]:
    return [shown.log(one.id, one.record, one.origin) for one in logs.newest(reader, wanted, limit)]


def _series(reader: Reader, asked: SeriesWanted) -> series.Found:
    found = series.Series(asked.wanted, asked.step)
    found.add(points.stored(reader, points.reach(asked.wanted)))
    return found.told(asked.aggregation)


def _usage(reader: Reader, since: int | None, until: int | None) -> list[dict[str, Any]]:
    found = usage.Usage(since, until)
    for name in usage.COUNTED:
        found.add(points.stored(reader, points.reach(timed.Wanted(name=name, since=since, until=until))))
    return found.sessions()


def _lines_after(reader: Reader, after: int) -> list[Line]:
    """The next records from a place on, ready to be sent: made in the reader's thread."""
    return [_line(found) for found in logs.following(reader, after, PAGE)]


def _line(found: logs.Found) -> Line:
    """A record as clients get it."""
    json = msgspec.json.encode(shown.log(found.id, found.record, found.origin))
    return Line(found.id, found.level, found.session or "", found.uid or "", json, searched(found.record))


def _give_back(lane: Lane, asked: asyncio.Future[tuple[Reader, T]]) -> None:
    failed = asked.cancelled() or asked.exception() is not None
    lane.put_nowait(None if failed else asked.result()[0])


def _idle(lane: Lane) -> list[Reader]:
    """Take the open readers of a lane; those yet to be opened stay."""
    waiting = [lane.get_nowait() for _ in range(lane.qsize())]
    for reader in waiting:
        if reader is None:
            lane.put_nowait(None)
    return [reader for reader in waiting if reader is not None]
