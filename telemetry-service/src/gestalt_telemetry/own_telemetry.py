"""What our own services tell on the bus: log records are stored once each, requests are summed up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import msgspec
import structlog

from gestalt_contracts.bus import Bus, BusUnavailable, Entry, Reset
from gestalt_contracts.channels import Stream
from gestalt_contracts.service_logs import LOG_RECORDS, METRICS, REQUESTS, SPANS
from gestalt_contracts.service_logs import Span as ToldSpan
from gestalt_telemetry.forwarding.forwarder import Forwarder
from gestalt_telemetry.otlp.decoded import Decoded
from gestalt_telemetry.otlp.metric_points import of_json
from gestalt_telemetry.otlp.values import Malformed
from gestalt_telemetry.records import Batch, Log, Origin, Scope, Span
from gestalt_telemetry.refusals import WriterAway, WriterBehind
from gestalt_telemetry.severity import NUMBERS
from gestalt_telemetry.store.intake import BUS, beyond, place
from gestalt_telemetry.store.port import Store
from gestalt_telemetry.store.wire import Write
from gestalt_telemetry.summary import WINDOW_SECONDS, Answered, Summary

UNSET, ERROR = 0, 2  # a span's status, OTLP's numbers
RETRY_SECONDS = 0.5

log = structlog.get_logger()


class OwnTelemetry:
    """Follows the logs stream. The place up to which it is stored lies in the store, beside the records."""

    def __init__(self, bus: Bus, store: Store, summary: Summary, forwarder: Forwarder | None = None) -> None:
        self._bus = bus
        self._store = store
        self._summary = summary
        self._forwarder = forwarder
        self._after = ""
        self._stored: str | None = None
        """Where the store ended at our start: what lies before was passed on then."""
        self.delay = 0.0
        """Seconds from a service's word to its place in the store, of the last one."""

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
        self._stored = state.marks.get(f"source:{BUS}") if state else None
        return min(self._stored or since, since, key=place)

    async def _take(self, entry: Entry | Reset) -> None:
        if isinstance(entry, Reset):
            if entry.reason == "trimmed" and entry.oldest is not None:
                log.info("older telemetry of our own is not in the stream any more", oldest=entry.oldest)
            return
        data = entry.event.data
        if entry.event.type == REQUESTS:
            self._count(entry.event.occurred_at.timestamp(), data)
        elif entry.event.type in KEPT:
            signal, batch = KEPT[entry.event.type][0], _read(entry.event.type, data)
            if batch is not None:
                await self._keep(entry.id, signal, batch)
                self.delay = round(time.time() - entry.event.occurred_at.timestamp(), 1)
        self._after = entry.id

    def _count(self, moment: float, data: dict[str, Any]) -> None:
        for one in data.get("requests", []):
            self._summary.add(Answered(moment, one["route"], one["status"], one["agent"], one["seconds"]))

    async def _keep(self, id_: str, signal: str, batch: Batch) -> None:
        """Until it is stored: a place is never passed over."""
        body = msgspec.msgpack.encode([batch])
        while True:
            write = Write(0, signal, BUS, body, time.time_ns(), mark=id_)
            try:
                done = await self._store.write(write)
            except (WriterAway, WriterBehind, TimeoutError):
                done = None
            if done is not None and done.outcome != "failed":
                if self._forwarder is not None and beyond(id_, self._stored):
                    await self._forwarder.take(write)
                return
            await asyncio.sleep(RETRY_SECONDS)


def logs_of(data: dict[str, Any]) -> Batch:
    """The log records of an event."""
    service = str(data.get("service", "gestalt"))
    logs = [_log(record, service) for record in data.get("records", [])]
    return Batch(_origin(data, "logging"), logs=logs)


def spans_of(data: dict[str, Any]) -> Batch:
    """The spans of an event."""
    told = msgspec.convert(data.get("spans", []), list[ToldSpan])
    return Batch(_origin(data, "tracing"), spans=[_span(span) for span in told])


def metrics_of(data: dict[str, Any]) -> Batch:
    """The metrics of an event."""
    told = [msgspec.Raw(msgspec.json.encode(metric)) for metric in data.get("metrics", [])]
    metrics = [of_json(Decoded(), metric) for metric in told]
    return Batch(_origin(data, "metrics"), metrics=metrics)


KEPT: dict[str, tuple[str, Callable[[dict[str, Any]], Batch]]] = {
    LOG_RECORDS: ("logs", logs_of),
    SPANS: ("traces", spans_of),
    METRICS: ("metrics", metrics_of),
}
"""What is stored: as which signal, and how it is read."""


def _read(kind: str, data: dict[str, Any]) -> Batch | None:
    """The records of an event; None for what is none: it must not stop what comes behind it."""
    try:
        return KEPT[kind][1](data)
    except (Malformed, msgspec.ValidationError, ValueError, TypeError) as error:
        log.warning("what a service told of itself cannot be read", kind=kind, error=str(error))
        return None


def _origin(data: dict[str, Any], scope: str) -> Origin:
    resource = {"service.name": f"gestalt-{data.get('service', 'gestalt')}"}
    if data.get("instance"):
        resource["service.instance.id"] = str(data["instance"])
    return Origin(resource, "", Scope(f"gestalt/{scope}"))


def _span(told: ToldSpan) -> Span:
    return Span(
        trace_id=bytes.fromhex(told.trace_id),
        span_id=bytes.fromhex(told.span_id),
        parent_id=bytes.fromhex(told.parent_span_id),
        name=told.name,
        kind=told.kind,
        start=told.start,
        end=told.end,
        status=ERROR if told.error else UNSET,
        message=told.error,
        attributes=dict(told.attributes),
    )


def _log(record: dict[str, Any], service: str) -> Log:
    level = str(record.get("level", "info"))
    attributes = {"gestalt.source": "backend", "gestalt.service": service, **record.get("attributes", {})}
    moment = int(record.get("time", 0))
    log = Log(moment, moment, NUMBERS.get(level, NUMBERS["info"]), level, str(record.get("message", "")), attributes)
    log.trace_id, log.span_id = bytes.fromhex(record.get("trace_id", "")), bytes.fromhex(record.get("span_id", ""))
    return log
