"""The store over ClickHouse."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import aclosing, asynccontextmanager
from typing import Any

import msgspec

from gestalt_contracts.bell import Bell
from gestalt_telemetry.clickhouse import conditions, rows, schema
from gestalt_telemetry.clickhouse.client import QUERY_SECONDS, ClickHouse, too_long_after
from gestalt_telemetry.clickhouse.inserting import Inserter
from gestalt_telemetry.clickhouse.location import Location
from gestalt_telemetry.queries import histogram, points, series, timed, usage
from gestalt_telemetry.queries.logs import Wanted
from gestalt_telemetry.queries.points import Point
from gestalt_telemetry.queries.shown import Shown, moment
from gestalt_telemetry.severity import LEVELS
from gestalt_telemetry.store.port import PAGE, Line, SeriesWanted
from gestalt_telemetry.store.wire import Done, Write

LOG_RECORD = f"Record, if(Record = '', {rows.FOREIGN_LOG}, '')"
SPAN_RECORD = f"Record, if(Record = '', {rows.FOREIGN_SPAN}, '')"


class ClickHouseStore:
    """As port.Store. Rows become answers in a thread: a page of them takes longer than the loop may stand still."""

    def __init__(self, location: Location, kept_seconds: float, body_limit: int) -> None:
        self._server = ClickHouse(location)
        self._inserter = Inserter(self._server, location.database, kept_seconds, body_limit)
        self.bell = Bell()
        self._inserter.heard = self.bell.ring

    @property
    def writer(self) -> Inserter:
        """What commits."""
        return self._inserter

    @property
    def last_log(self) -> int:
        """As port.Store."""
        return self._inserter.state.last_log if self._inserter.state else 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[ClickHouseStore]:
        """As port.Store."""
        async with self._server.opened():
            keeping = asyncio.create_task(self._inserter.run())
            try:
                yield self
            finally:
                keeping.cancel()
                await asyncio.gather(keeping, return_exceptions=True)

    async def write(self, write: Write) -> Done:
        """As port.Store."""
        return await self._inserter.write(write)

    # -- questions

    async def logs(self, wanted: Wanted, limit: int) -> bytes:
        """As port.Store."""
        asked = conditions.of_logs(wanted)
        found = await self._server.rows(
            f"SELECT toString(Id), {LOG_RECORD} FROM otel_logs{asked.where}"  # noqa: S608 - conditions hold no values
            " ORDER BY ArrivalTime DESC, Id DESC LIMIT {limit:UInt32}",
            {**asked.parameters, "limit": limit},
        )
        return await asyncio.to_thread(lambda: _page(_log_json(*row) for row in reversed(found)))

    async def histogram(self, wanted: Wanted, step: int) -> list[dict[str, Any]]:
        """As port.Store."""
        asked = conditions.of_logs(wanted)
        begun = "intDiv(toUnixTimestamp64Nano(Timestamp), {step:Int64}) * {step:Int64}"
        found = await self._server.rows(
            f"SELECT toString({begun} AS begun), Level, toUInt32(count()) FROM otel_logs{asked.where}"  # noqa: S608 - conditions hold no values
            " GROUP BY begun, Level ORDER BY begun, Level",
            {**asked.parameters, "step": step},
        )
        buckets: dict[int, dict[str, int]] = {}
        for start, level, count in found:
            buckets.setdefault(int(start), {})[LEVELS[level]] = count
        return [{"time": moment(start), "counts": counts} for start, counts in buckets.items()][
            -histogram.MOST_BUCKETS :
        ]

    async def spans(self, wanted: timed.Wanted, limit: int) -> bytes:
        """As port.Store."""
        asked = conditions.of_spans(wanted)
        found = await self._server.rows(
            f"SELECT {SPAN_RECORD} FROM otel_traces{asked.where}"  # noqa: S608 - conditions hold no values
            " ORDER BY Timestamp DESC, ArrivalTime DESC, Id DESC LIMIT {limit:UInt32}",
            {**asked.parameters, "limit": limit},
        )
        return await asyncio.to_thread(lambda: _page(_span_json(*row) for row in reversed(found)))

    async def metrics(self, wanted: timed.Wanted, limit: int) -> bytes:
        """As port.Store."""
        asked = conditions.of_metrics(wanted)
        found = await self._server.rows(
            f"SELECT Record FROM otel_metrics{asked.where}"  # noqa: S608 - conditions hold no values
            " ORDER BY TimeUnix DESC, ArrivalTime DESC, Id DESC LIMIT {limit:UInt32}",
            {**asked.parameters, "limit": limit},
        )
        return await asyncio.to_thread(lambda: _page(record for (record,) in reversed(found)))

    async def trace(self, trace_id: bytes) -> list[Shown]:
        """As port.Store."""
        asked = conditions.of_spans(timed.Wanted(trace_id=trace_id))
        found = await self._server.rows(
            f"SELECT {SPAN_RECORD} FROM otel_traces{asked.where}"  # noqa: S608 - conditions hold no values
            " ORDER BY Timestamp, ArrivalTime, Id LIMIT {limit:UInt32}",
            {**asked.parameters, "limit": timed.MOST_SPANS},
        )
        spans = await asyncio.to_thread(lambda: [msgspec.json.decode(_span_json(*row)) for row in found])
        return list({span["spanId"]: span for span in reversed(spans)}.values())[::-1]

    async def series(self, asked: SeriesWanted) -> series.Found:
        """As port.Store."""
        found = series.Series(asked.wanted, asked.step)
        await self._each_metric(conditions.of_metrics(points.reach(asked.wanted)), found.add)
        return await asyncio.to_thread(found.told, asked.aggregation)

    async def usage(self, since: int | None, until: int | None) -> list[dict[str, Any]]:
        """As port.Store."""
        found = usage.Usage(since, until)
        asked = conditions.of_metrics(points.reach(timed.Wanted(since=since, until=until)))
        asked.add("lower(MetricName) IN {names:Array(String)}", "names", list(usage.COUNTED))
        await self._each_metric(asked, found.add)
        return found.sessions()

    async def _each_metric(self, asked: conditions.Condition, take: Callable[[Iterable[Point]], None]) -> None:
        """Give the points of all metrics that match, by time; however many they are, a part of them is held at once."""
        sql = f"SELECT Record FROM otel_metrics{asked.where} ORDER BY TimeUnix, ArrivalTime, Id"  # noqa: S608 - conditions hold no values
        async with too_long_after(QUERY_SECONDS), aclosing(self._server.parts(sql, asked.parameters)) as parts:
            async for part in parts:
                await asyncio.to_thread(lambda records: take(_points(records)), part)

    async def lines_after(self, after: int) -> list[Line]:
        """As port.Store."""
        found = await self._server.rows(
            "SELECT toString(Id), Level, Session, SessionUid, Record, SearchText FROM otel_logs"
            " WHERE Id > {after:UInt64} ORDER BY Id LIMIT {limit:UInt32}",
            {"after": after, "limit": PAGE},
        )
        return [
            Line(int(id_), level, session, uid, rows.with_id(id_, record).encode(), text)
            for id_, level, session, uid, record, text in found
        ]

    async def oldest_log(self) -> int | None:
        """As port.Store."""
        found = await self._server.rows(
            "SELECT toString(Id) FROM otel_logs WHERE Id > 0 ORDER BY ArrivalTime, Id LIMIT 1"
        )
        return int(found[0][0]) if found else None

    async def last_before(self, arrival: int) -> int:
        """As port.Store."""
        found = await self._server.rows(
            "SELECT toString(Id) FROM otel_logs WHERE Id > 0 AND ArrivalTime < fromUnixTimestamp64Milli({at:Int64})"
            " ORDER BY ArrivalTime DESC, Id DESC LIMIT 1",
            {"at": arrival},
        )
        return int(found[0][0]) if found else 0

    async def size(self) -> int:
        """As port.Store."""
        ((found,),) = await self._server.rows(
            "SELECT toString(sum(bytes_on_disk)) FROM system.parts"
            " WHERE active AND database = currentDatabase() AND table IN {tables:Array(String)}",
            {"tables": [table.name for table in schema.TABLES]},
        )
        return int(found)


def _page(records: Iterable[str]) -> bytes:
    return f"[{','.join(records)}]\n".encode()


def _log_json(id_: str, record: str, columns: str) -> str:
    return rows.with_id(id_, record or rows.foreign_log(columns))


def _span_json(record: str, columns: str) -> str:
    return record or rows.foreign_span(columns)


def _points(records: Iterable[list[str]]) -> Iterable[Point]:
    for (record,) in records:
        metric = points.exported(record)
        yield from points.points_of(metric, points.origin_of(bytes(metric.resource), bytes(metric.scope)))
