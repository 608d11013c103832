"""What our own services tell on the bus: log records are stored once each, requests are summed up."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import msgspec
import structlog

from gestalt_contracts.bus import Bus, BusUnavailable, Entry, Reset
from gestalt_contracts.channels import Stream
from gestalt_contracts.service_logs import LOG_RECORDS, REQUESTS
from gestalt_telemetry.records import Batch, Log, Origin, Scope
from gestalt_telemetry.refusals import WriterAway, WriterBehind
from gestalt_telemetry.severity import NUMBERS
from gestalt_telemetry.store.intake import BUS
from gestalt_telemetry.store.port import Store
from gestalt_telemetry.store.wire import Write
from gestalt_telemetry.summary import WINDOW_SECONDS, Answered, Summary

SCOPE = "gestalt/logging"
RETRY_SECONDS = 0.5

log = structlog.get_logger()


class OwnTelemetry:
    """Follows the logs stream. The place up to which it is stored lies in the store, beside the records."""

    def __init__(self, bus: Bus, store: Store, summary: Summary) -> None:
        self._bus = bus
        self._store = store
        self._summary = summary
        self._after = ""

    async def run(self) -> None:
        """For ever; from an hour ago, since the summary lives in memory. What is stored already the writer skips."""
        await self._store.writer.ready.wait()
        self._after = self._beginning(f"{int((time.time() - WINDOW_SECONDS) * 1_000)}-0")
        while True:
            try:
                async with self._bus.subscribe(Stream.LOGS, self._after) as entries:
                    async for entry in entries:
                        await self._take(entry)
            except BusUnavailable:
                await asyncio.sleep(RETRY_SECONDS)
            except Exception:
                log.exception("following our own telemetry failed")
                await asyncio.sleep(RETRY_SECONDS)

    def _beginning(self, since: str) -> str:
        """An hour ago, or where the store ends if that is longer ago."""
        state = self._store.writer.state
        stored = state.marks.get(f"source:{BUS}", "") if state else ""
        return min(stored or since, since, key=_place)

    async def _take(self, entry: Entry | Reset) -> None:
        if isinstance(entry, Reset):
            if entry.reason == "trimmed" and entry.oldest is not None:
                log.info("older telemetry of our own is not in the stream any more", oldest=entry.oldest)
            return
        data = entry.event.data
        if entry.event.type == REQUESTS:
            self._count(entry.event.occurred_at.timestamp(), data)
        elif entry.event.type == LOG_RECORDS:
            await self._keep(entry.id, data)
        self._after = entry.id

    def _count(self, moment: float, data: dict[str, Any]) -> None:
        for one in data.get("requests", []):
            self._summary.add(Answered(moment, one["route"], one["status"], one["agent"], one["seconds"]))

    async def _keep(self, id_: str, data: dict[str, Any]) -> None:
        """Until it is stored: a place is never passed over."""
        body = msgspec.msgpack.encode([batch_of(data)])
        while True:
            write = Write(0, "logs", BUS, body, time.time_ns(), mark=id_)
            try:
                done = await self._store.write(write)
            except (WriterAway, WriterBehind, TimeoutError):
                done = None
            if done is not None and done.outcome != "failed":
                return
            await asyncio.sleep(RETRY_SECONDS)


def batch_of(data: dict[str, Any]) -> Batch:
    """The log records of an event."""
    service = str(data.get("service", "gestalt"))
    logs = [_log(record, service) for record in data.get("records", [])]
    return Batch(Origin({"service.name": f"gestalt-{service}"}, "", Scope(SCOPE)), logs=logs)


def _log(record: dict[str, Any], service: str) -> Log:
    level = str(record.get("level", "info"))
    attributes = {"gestalt.source": "backend", "gestalt.service": service, **record.get("attributes", {})}
    moment = int(record.get("time", 0))
    return Log(moment, moment, NUMBERS.get(level, NUMBERS["info"]), level, str(record.get("message", "")), attributes)


def _place(id_: str) -> tuple[int, int]:
    first, _, second = id_.partition("-")
    return int(first), int(second or 0)
