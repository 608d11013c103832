"""Records as clients see them: OTLP's JSON, and what the reference adds to it. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from gestalt_telemetry.otlp.values import pairs, shown
from gestalt_telemetry.records import Log, Origin, Span

Shown = dict[str, Any]
NS = 1_000_000_000
STATUSES = ("unset", "ok", "error")


def moment(nanoseconds: int) -> str:
    """RFC 3339, UTC, `Z`, to the nanosecond, trailing zeros trimmed."""
    seconds, rest = divmod(nanoseconds, NS)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{rest:09d}".rstrip("0").rstrip(".") + "Z"


def log(id_: int, record: Log, origin: Origin) -> Shown:
    """A log record."""
    found: Shown = {
        "id": str(id_),
        "attributes": pairs(record.attributes),
        "body": shown(record.body),
        "observedTimeUnixNano": _time(record.observed),
        "resource": _resource(origin),
        "scope": _scope(origin),
        "severityNumber": record.number,
        "severityText": record.text,
        "timeUnixNano": _time(record.time),
    }
    if record.trace_id:
        found["traceId"] = record.trace_id.hex()
    if record.span_id:
        found["spanId"] = record.span_id.hex()
    if record.event:
        found["eventName"] = record.event
    return found


def span(record: Span, origin: Origin) -> Shown:
    """A span."""
    found: Shown = {
        "traceId": record.trace_id.hex(),
        "spanId": record.span_id.hex(),
        "parentSpanId": record.parent_id.hex(),
        "name": record.name.strip(),
        "kind": record.kind,
        "startTimeUnixNano": _time(record.start),
        "endTimeUnixNano": _time(record.end),
        "attributes": pairs(record.attributes),
        "events": [
            {"timeUnixNano": _time(event.time), "name": event.name, "attributes": pairs(event.attributes)}
            for event in record.events
        ],
        "links": [
            {"traceId": link.trace_id.hex(), "spanId": link.span_id.hex(), "attributes": pairs(link.attributes)}
            for link in record.links
        ],
        "status": STATUSES[record.status] if 0 <= record.status < len(STATUSES) else "error",
        "resource": _resource(origin),
        "scope": _scope(origin),
    }
    return found | _added(record, origin)


def _added(record: Span, origin: Origin) -> Shown:
    added: Shown = {"trace_id": record.trace_id.hex(), "span_id": record.span_id.hex()}
    if record.start:
        added["start_time"] = moment(record.start)
    if record.start and record.end > record.start:
        added["duration_ms"] = (record.end - record.start) / 1e6
    if record.message:
        added["status_message"] = record.message
    service = origin.resource.get("service.name")
    return added | {"service_name": service if isinstance(service, str) else ""}


def metric(found: Shown, origin: Origin) -> Shown:
    """A metric, whose own part is stored as it is shown."""
    return found | {"resource": _resource(origin), "scope": _scope(origin)}


def _time(nanoseconds: int) -> str:
    return str(nanoseconds) if nanoseconds else ""


def _resource(origin: Origin) -> Shown:
    found: Shown = {"attributes": pairs(origin.resource)}
    return found | ({"schemaUrl": origin.schema_url} if origin.schema_url else {})


def _scope(origin: Origin) -> Shown:
    scope = origin.scope
    found: Shown = {}
    if scope.name:
        found["name"] = scope.name
    if scope.version:
        found["version"] = scope.version
    if scope.schema_url:
        found["schemaUrl"] = scope.schema_url
    if scope.attributes:
        found["attributes"] = pairs(scope.attributes)
    return found
