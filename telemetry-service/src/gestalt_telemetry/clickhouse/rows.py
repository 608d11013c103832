"""Records as rows of the tables, one JSON array a line, and rows of others as what clients see. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from gestalt_telemetry.otlp.values import LARGEST_INT, Attributes, text
from gestalt_telemetry.queries import shown
from gestalt_telemetry.queries.shown import NS, Shown
from gestalt_telemetry.records import Batch, Log, Metric, Origin, Scope, Span
from gestalt_telemetry.severity import level_of
from gestalt_telemetry.store.rows import searched, sessions_of

KINDS = ("Unspecified", "Internal", "Server", "Client", "Producer", "Consumer")
STATUSES = ("Unset", "Ok", "Error")
LARGEST_BYTE = 255
_encode = msgspec.json.Encoder().encode
Row = list[Any]

OWN = ("Session", "SessionUid", "Record")
LOG_COLUMNS = (
    *("Timestamp", "TraceId", "SpanId", "TraceFlags", "SeverityText", "SeverityNumber", "ServiceName", "Body"),
    *("ResourceSchemaUrl", "ResourceAttributes", "ScopeSchemaUrl", "ScopeName", "ScopeVersion", "ScopeAttributes"),
    *("LogAttributes", "EventName", "Level", "SearchText", "Mark", *OWN),
)
SPAN_COLUMNS = (
    *("Timestamp", "TraceId", "SpanId", "ParentSpanId", "TraceState", "SpanName", "SpanKind", "ServiceName"),
    *("ResourceAttributes", "ScopeName", "ScopeVersion", "SpanAttributes", "Duration", "StatusCode", "StatusMessage"),
    *("Events.Timestamp", "Events.Name", "Events.Attributes"),
    *("Links.TraceId", "Links.SpanId", "Links.TraceState", "Links.Attributes", *OWN),
)
METRIC_COLUMNS = (
    *("ResourceAttributes", "ScopeName", "ScopeVersion", "ServiceName", "MetricName", "MetricDescription"),
    *("MetricUnit", "TimeUnix", *OWN),
)


def stamped(time: int) -> str:
    """A time (Unix ns) as the server reads it: ten digits of seconds at the least, or it takes them for a date."""
    seconds, rest = divmod(min(time, LARGEST_INT), NS)
    return f"{seconds:010d}.{rest:09d}"


def line(row: Row, id_: int, arrival: int) -> bytes:
    """A row as it is inserted, with its id and the time of its arrival (Unix ms)."""
    return _encode([*row, id_, f"{arrival // 1_000:010d}.{arrival % 1_000:03d}"]) + b"\n"


def _texts(attributes: Attributes) -> dict[str, str]:
    return {key: value if isinstance(value, str) else text(value) for key, value in attributes.items()}


def _service(origin: Origin) -> str:
    found = origin.resource.get("service.name")
    return found if isinstance(found, str) else ""


def _json(found: Shown) -> str:
    return _encode(found).decode()


def log_rows(batch: Batch, arrival: int, mark: str) -> Iterator[Row]:
    """Rows of `otel_logs`. `arrival`: Unix ns, for records that say no time of their own."""
    origin, resource = batch.origin, _texts(batch.origin.resource)
    scope = _texts(origin.scope.attributes)
    for log in batch.logs:
        log.observed = log.observed or arrival
        yield [
            *(stamped(log.time or log.observed), log.trace_id.hex(), log.span_id.hex(), log.flags & LARGEST_BYTE),
            *(log.text, min(max(log.number, 0), LARGEST_BYTE), _service(origin), text(log.body)),
            *(origin.schema_url, resource, origin.scope.schema_url, origin.scope.name, origin.scope.version, scope),
            *(_texts(log.attributes), log.event, level_of(log.text, log.number), searched(log), mark),
            *_own(log.attributes, origin.resource),
            _json(_without_id(log, origin)),
        ]


def _without_id(log: Log, origin: Origin) -> Shown:
    found = shown.log(0, log, origin)
    del found["id"]
    return found


def _own(*among: Attributes) -> tuple[str, str]:
    session, uid = sessions_of(*among)
    return session or "", uid or ""


def with_id(id_: str, record: str) -> str:
    """The JSON of a stored log record with its id, which stands first."""
    return f'{{"id":"{id_}",{record[1:]}'


def span_rows(batch: Batch) -> Iterator[Row]:
    """Rows of `otel_traces`."""
    resource = _texts(batch.origin.resource)
    for span in batch.spans:
        yield _span_row(span, batch.origin, resource)


def _span_row(span: Span, origin: Origin, resource: dict[str, str]) -> Row:
    events, links = span.events, span.links
    return [
        *(stamped(span.start), span.trace_id.hex(), span.span_id.hex(), span.parent_id.hex(), span.state),
        *(span.name.strip(), KINDS[span.kind] if 0 <= span.kind < len(KINDS) else KINDS[0], _service(origin)),
        *(resource, origin.scope.name, origin.scope.version, _texts(span.attributes)),
        *(max(0, span.end - span.start), STATUSES[span.status] if 0 <= span.status < len(STATUSES) else "Error"),
        *(span.message, [stamped(one.time) for one in events], [one.name for one in events]),
        *([_texts(one.attributes) for one in events], [one.trace_id.hex() for one in links]),
        *([one.span_id.hex() for one in links], [""] * len(links), [_texts(one.attributes) for one in links]),
        *_own(span.attributes, origin.resource),
        _json(shown.span(span, origin)),
    ]


def metric_rows(batch: Batch) -> Iterator[Row]:
    """Rows of `otel_metrics`."""
    origin, resource = batch.origin, _texts(batch.origin.resource)
    for metric in batch.metrics:
        yield [
            *(resource, origin.scope.name, origin.scope.version, _service(origin), metric.name),
            *(_said(metric, "description"), _said(metric, "unit"), stamped(metric.time)),
            *_own(origin.resource),
            _json(shown.metric(metric.json, origin)),
        ]


def _said(metric: Metric, key: str) -> str:
    found = metric.json.get(key)
    return found if isinstance(found, str) else ""


# -- rows that others inserted: their attributes are all text

FOREIGN_LOG = """toJSONString(tuple(
    toString(toUnixTimestamp64Nano(Timestamp)), TraceId, SpanId, SeverityText, SeverityNumber, Body, EventName,
    ResourceAttributes, ScopeName, ScopeVersion, LogAttributes))"""
FOREIGN_SPAN = """toJSONString(tuple(
    toString(toUnixTimestamp64Nano(Timestamp)), toString(Duration), TraceId, SpanId, ParentSpanId, SpanName, SpanKind,
    StatusCode, StatusMessage, ResourceAttributes, ScopeName, ScopeVersion, SpanAttributes))"""


def _id(text: str) -> bytes:
    """An id; none for what others wrote that is none."""
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""


def foreign_log(columns: str) -> str:
    """A log record that is made from the exporter's columns, as JSON without an id."""
    time, trace, span, word, number, body, event, resource, scope, version, attributes = msgspec.json.decode(columns)
    log = Log(int(time), 0, number, word, body, attributes, _id(trace), _id(span), 0, event)
    return _json(_without_id(log, _origin(resource, scope, version)))


def foreign_span(columns: str) -> str:
    """A span that is made from the exporter's columns, as JSON."""
    start, took, trace, id_, parent, name, kind, status, why, resource, scope, version, attributes = (
        msgspec.json.decode(columns)
    )
    ids = (_id(trace), _id(id_), _id(parent))
    number = KINDS.index(kind) if kind in KINDS else 0
    start = int(start)
    code = STATUSES.index(status) if status in STATUSES else 0
    span = Span(*ids, name, number, start, start + int(took), code, why, attributes)
    return _json(shown.span(span, _origin(resource, scope, version)))


def _origin(resource: dict[str, str], scope: str, version: str) -> Origin:
    return Origin(resource, "", Scope(scope, version))
