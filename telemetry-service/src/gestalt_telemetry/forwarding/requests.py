"""What was stored, as the OTLP request that is passed on. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from gestalt_telemetry.otlp.values import pairs, shown
from gestalt_telemetry.records import Batch, Log, Origin, Span, SpanEvent
from gestalt_telemetry.store.intake import decoded
from gestalt_telemetry.store.wire import Write

Json = dict[str, Any]
PLACES = {
    "logs": ("resourceLogs", "scopeLogs", "logRecords"),
    "traces": ("resourceSpans", "scopeSpans", "spans"),
    "metrics": ("resourceMetrics", "scopeMetrics", "metrics"),
}


def request_of(write: Write, limit: int) -> tuple[str, bytes, bool]:
    """Form, body and whether it is gzip. As it came, if it was OTLP and is nobody's; else made anew.

    Raises Malformed and TooLarge for what cannot have been stored.
    """
    if write.form in {"protobuf", "json"} and not write.uid:
        return write.form, write.body, write.gzip
    return "json", encoded(write.signal, decoded(write, limit).batches), False


def encoded(signal: str, batches: list[Batch]) -> bytes:
    """OTLP's JSON of these records."""
    resources, scopes, records = PLACES[signal]
    groups = [
        {
            "resource": {"attributes": pairs(batch.origin.resource)},
            "schemaUrl": batch.origin.schema_url,
            scopes: [{"scope": _scope(batch.origin), records: _records(batch)}],
        }
        for batch in batches
    ]
    return msgspec.json.encode({resources: groups})


def _records(batch: Batch) -> list[Json]:
    logs = [_log(log) for log in batch.logs]
    spans = [_span(span) for span in batch.spans]
    return logs + spans + [metric.json for metric in batch.metrics]


def _scope(origin: Origin) -> Json:
    scope = origin.scope
    return {"name": scope.name, "version": scope.version, "attributes": pairs(scope.attributes)}


def _log(log: Log) -> Json:
    return {
        "timeUnixNano": str(log.time),
        "observedTimeUnixNano": str(log.observed),
        "severityNumber": log.number,
        "severityText": log.text,
        "body": shown(log.body),
        "attributes": pairs(log.attributes),
        "traceId": log.trace_id.hex(),
        "spanId": log.span_id.hex(),
        "flags": log.flags,
        "eventName": log.event,
    }


def _span(span: Span) -> Json:
    return {
        "traceId": span.trace_id.hex(),
        "spanId": span.span_id.hex(),
        "parentSpanId": span.parent_id.hex(),
        "name": span.name,
        "kind": span.kind,
        "startTimeUnixNano": str(span.start),
        "endTimeUnixNano": str(span.end),
        "attributes": pairs(span.attributes),
        "events": [_event(event) for event in span.events],
        "links": [
            {"traceId": link.trace_id.hex(), "spanId": link.span_id.hex(), "attributes": pairs(link.attributes)}
            for link in span.links
        ],
        "status": {"code": span.status, "message": span.message},
        "traceState": span.state,
        "flags": span.flags,
    }


def _event(event: SpanEvent) -> Json:
    return {"timeUnixNano": str(event.time), "name": event.name, "attributes": pairs(event.attributes)}
