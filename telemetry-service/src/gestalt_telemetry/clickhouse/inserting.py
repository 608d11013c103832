"""The way in: what waits is decoded together, inserted together, and acknowledged when the server has it.

One insert at a time: ids are given in the order in which rows become visible, so a stream that has read an id misses
nothing before it. Async inserts would do the gathering in the server, and lose that order.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence

import structlog
from msgspec import Struct, field

from gestalt_contracts.events import now, rfc3339
from gestalt_telemetry.clickhouse import rows, schema
from gestalt_telemetry.clickhouse.client import Away, ClickHouse, Refused
from gestalt_telemetry.clickhouse.rows import Row
from gestalt_telemetry.clickhouse.schema import Table
from gestalt_telemetry.otlp.values import Malformed
from gestalt_telemetry.records import Batch
from gestalt_telemetry.refusals import StoreUnreadable, TookTooLong, WriterAway, WriterBehind
from gestalt_telemetry.store.intake import BUS, MS, TooLarge, beyond, decoded
from gestalt_telemetry.store.wire import Done, State, Write

MOST_WAITING_BYTES = 32 * 1024 * 1024
GROUP_BYTES = 8 * 1024 * 1024
BETWEEN_SECONDS = 0.1
"""From one insert to the next: each makes a part on disk, which the server must merge."""
READY_SECONDS = 1.0
ANSWER_SECONDS = 30.0
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
SOURCE = f"source:{BUS}"

log = structlog.get_logger()


class Waiting(Struct):
    """A request, and who waits for it."""

    write: Write
    answer: asyncio.Future[Done]


class Prepared(Struct):
    """Requests decoded: what to answer once the rows are in, in the order of the requests."""

    answers: list[Done] = field(default_factory=list)
    lines: dict[str, list[bytes]] = field(default_factory=dict)


class Inserter:
    """`run` keeps the way in open; `write` uses it. `heard` is called at each state."""

    def __init__(self, server: ClickHouse, database: str, kept_seconds: float, body_limit: int) -> None:
        self._server = server
        self._database = database
        self._kept_seconds = kept_seconds
        self._body_limit = body_limit
        self._waiting: deque[Waiting] = deque()
        self._waiting_bytes = 0
        self._more = asyncio.Event()
        self._next_log = 1
        self._arrival = 0
        self.heard: Callable[[], None] = lambda: None
        self.ready = asyncio.Event()
        self.state: State | None = None
        self.restarts = -1
        self.last_exit = ""
        self.pid = 0

    @property
    def backlog(self) -> int:
        """Bytes handed over and not answered yet."""
        return self._waiting_bytes

    async def write(self, write: Write) -> Done:
        """As port.Store."""
        try:
            async with asyncio.timeout(READY_SECONDS):
                await self.ready.wait()
        except TimeoutError:
            raise WriterAway from None
        size = len(write.body)
        if self._waiting_bytes and self._waiting_bytes + size > MOST_WAITING_BYTES:
            raise WriterBehind
        waiting = Waiting(write, asyncio.get_running_loop().create_future())
        self._waiting_bytes += size
        try:
            self._waiting.append(waiting)
            self._more.set()
            async with asyncio.timeout(ANSWER_SECONDS):
                return await waiting.answer
        finally:
            self._waiting_bytes -= size

    async def run(self) -> None:
        """For ever: find the tables, insert, and begin anew when the server is away."""
        pause = FIRST_PAUSE
        while True:
            self.restarts += 1
            try:
                await self._prepare_tables()
                pause = FIRST_PAUSE
                await self._insert_forever()
            except (Away, Refused, StoreUnreadable, TookTooLong) as error:
                reason = str(error.__cause__ or error)
                self.last_exit = f"{rfc3339(now().replace(microsecond=0))}: {reason}"
                log.error("ClickHouse does not take telemetry", reason=reason)  # noqa: TRY400 - one line is enough
            finally:
                self._let_go()
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _prepare_tables(self) -> None:
        name = {"database": self._database}
        await self._server.do("CREATE DATABASE IF NOT EXISTS {database:Identifier}", name, anywhere=True)
        for statement in schema.statements(self._kept_seconds):
            await self._server.do(statement)
        ((last, arrival),) = await self._server.rows(
            "SELECT toString(max(Id)), toUnixTimestamp64Milli(max(ArrivalTime)) FROM otel_logs WHERE Id > 0"
        )
        marks = await self._server.rows(
            "SELECT Mark FROM otel_logs WHERE Mark != '' ORDER BY ArrivalTime DESC, Id DESC LIMIT 1"
        )
        self._next_log = max(self._next_log, int(last) + 1)
        self._arrival = max(self._arrival, int(arrival))
        self._tell({SOURCE: marks[0][0]} if marks else {}, int(last))
        self.ready.set()

    def _tell(self, marks: dict[str, str], last: int) -> None:
        self.state = State(last, marks)
        self.heard()

    def _let_go(self) -> None:
        self.ready.clear()
        while self._waiting:
            _fail(self._waiting.popleft())

    # -- inserting

    async def _insert_forever(self) -> None:
        while True:
            await self._more.wait()
            self._more.clear()
            while self._waiting:
                await self._insert_group(list(self._taken()))
                await asyncio.sleep(BETWEEN_SECONDS)

    def _taken(self) -> Iterator[Waiting]:
        """Of one signal: a request of another goes into another table, by an insert of its own."""
        signal, size = self._waiting[0].write.signal, 0
        while self._waiting and self._waiting[0].write.signal == signal and size < GROUP_BYTES:
            size += len(self._waiting[0].write.body)
            yield self._waiting.popleft()

    async def _insert_group(self, group: Sequence[Waiting]) -> None:
        try:
            prepared = await asyncio.to_thread(self._prepared, [one.write for one in group])
            for table, lines in prepared.lines.items():
                await self._server.insert(table, COLUMNS[table], b"".join(lines))
        except Refused as error:
            log.error("ClickHouse refused telemetry", reason=str(error))  # noqa: TRY400 - one line is enough
            _answer(group, [Done(0, "failed", 0, str(error))] * len(group))
        except BaseException:
            for one in group:
                _fail(one)
            raise
        else:
            self._tell(self._marks(group), self._next_log - 1)
            _answer(group, prepared.answers)

    def _marks(self, group: Sequence[Waiting]) -> dict[str, str]:
        known = self.state.marks if self.state else {}
        told = [one.write.mark for one in group if one.write.mark and beyond(one.write.mark, known.get(SOURCE))]
        return {**known, SOURCE: told[-1]} if told else known

    # -- in a thread

    def _prepared(self, writes: Sequence[Write]) -> Prepared:
        self._arrival = max(self._arrival, time.time_ns() // MS)
        found = Prepared()
        mark = self.state.marks.get(SOURCE) if self.state else None
        for write in writes:
            if write.mark and not beyond(write.mark, mark):
                found.answers.append(Done(write.id, "stored"))
                continue
            found.answers.append(self._take(write, found))
            mark = write.mark or mark
        return found

    def _take(self, write: Write, into: Prepared) -> Done:
        """Rows of one request: all of them or, when something is wrong with one, none."""
        try:
            read = decoded(write, self._body_limit)
            made = [(table, row) for batch in read.batches for table, row in _rows(batch, write)]
            lines = [(table, self._line(table, row, place)) for place, (table, row) in enumerate(made)]
        except Malformed as error:
            return Done(write.id, "malformed", 0, str(error))
        except TooLarge:
            return Done(write.id, "too_large")
        except (ValueError, OverflowError, RecursionError, TypeError) as error:
            log.exception("records that cannot be stored")
            return Done(write.id, "malformed", 0, f"the records cannot be stored: {error}")
        for table, line in lines:
            into.lines.setdefault(table, []).append(line)
        if write.signal == "logs":
            self._next_log += len(lines)
        return Done(write.id, "stored", read.rejected, read.reason)

    def _line(self, table: str, row: Row, place: int) -> bytes:
        """Logs are numbered through; of others the number only keeps what came together in its order."""
        id_ = self._next_log + place if table == schema.LOGS.name else place + 1
        return rows.line(row, id_, self._arrival)


def _rows(batch: Batch, write: Write) -> Iterator[tuple[str, Row]]:
    made: tuple[tuple[Table, Iterator[Row]], ...] = (
        (schema.LOGS, rows.log_rows(batch, write.arrival, write.mark)),
        (schema.SPANS, rows.span_rows(batch)),
        (schema.METRICS, rows.metric_rows(batch)),
    )
    return ((table.name, row) for table, found in made for row in found)


COLUMNS: dict[str, tuple[str, ...]] = {
    schema.LOGS.name: (*rows.LOG_COLUMNS, "Id", "ArrivalTime"),
    schema.SPANS.name: (*(f"`{name}`" for name in rows.SPAN_COLUMNS), "Id", "ArrivalTime"),
    schema.METRICS.name: (*rows.METRIC_COLUMNS, "Id", "ArrivalTime"),
}


def _fail(waiting: Waiting) -> None:
    if not waiting.answer.done():
        waiting.answer.set_exception(WriterAway())


def _answer(group: Sequence[Waiting], answers: Sequence[Done]) -> None:
    for one, answer in zip(group, answers, strict=True):
        if not one.answer.done():
            one.answer.set_result(answer)
