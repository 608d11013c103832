"""OTLP's JSON requests, decoded. Unknown keys are ignored, as OTLP demands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import msgspec
from msgspec import Meta, Raw, Struct

from gestalt_telemetry.otlp import metric_points
from gestalt_telemetry.otlp.decoded import Decoded, of_hex, required
from gestalt_telemetry.otlp.metric_points import unsigned
from gestalt_telemetry.otlp.spelling import in_camel_case
from gestalt_telemetry.otlp.values import AnyValue, KeyValue, Malformed, attributes_of_json, of_json
from gestalt_telemetry.records import Batch, Link, Log, Metric, Origin, Scope, Span, SpanEvent

Int64 = int | str
Int32 = Annotated[int, Meta(ge=-(1 << 31), lt=1 << 32)]


class JsonResource(Struct, rename="camel"):
    """`resource`."""

    attributes: list[KeyValue] = []


class JsonScope(Struct, rename="camel"):
    """`scope`."""

    name: str = ""
    version: str = ""
    attributes: list[KeyValue] = []


class JsonLog(Struct, rename="camel"):
    """A log record."""

    time_unix_nano: Int64 = 0
    observed_time_unix_nano: Int64 = 0
    severity_number: Int32 = 0
    severity_text: str = ""
    body: AnyValue | None = None
    attributes: list[KeyValue] = []
    trace_id: str = ""
    span_id: str = ""
    flags: Int32 = 0
    event_name: str = ""


class JsonEvent(Struct, rename="camel"):
    """An event of a span."""

    time_unix_nano: Int64 = 0
    name: str = ""
    attributes: list[KeyValue] = []


class JsonLink(Struct, rename="camel"):
    """A link of a span."""

    trace_id: str = ""
    span_id: str = ""
    attributes: list[KeyValue] = []


class JsonStatus(Struct, rename="camel", frozen=True):
    """A span's status."""

    code: Int32 = 0
    message: str = ""


class JsonSpan(Struct, rename="camel"):
    """A span."""

    trace_id: str = ""
    span_id: str = ""
    parent_span_id: str = ""
    name: str = ""
    kind: Int32 = 0
    start_time_unix_nano: Int64 = 0
    end_time_unix_nano: Int64 = 0
    status: JsonStatus = JsonStatus()
    attributes: list[KeyValue] = []
    events: list[JsonEvent] = []
    links: list[JsonLink] = []
    trace_state: str = ""
    flags: Int32 = 0


class ScopeGroup(Struct, rename="camel"):
    """`scopeLogs`, `scopeSpans` or `scopeMetrics`."""

    scope: JsonScope | None = None
    schema_url: str = ""
    log_records: list[JsonLog] = []
    spans: list[JsonSpan] = []
    metrics: list[Raw] = []


class ResourceGroup(Struct, rename="camel"):
    """`resourceLogs`, `resourceSpans` or `resourceMetrics`."""

    resource: JsonResource | None = None
    schema_url: str = ""
    scope_logs: list[ScopeGroup] = []
    scope_spans: list[ScopeGroup] = []
    scope_metrics: list[ScopeGroup] = []


class Request(Struct, rename="camel"):
    """Any of the three export requests."""

    resource_logs: list[ResourceGroup] = []
    resource_spans: list[ResourceGroup] = []
    resource_metrics: list[ResourceGroup] = []


_request = msgspec.json.Decoder(Request)


def logs(body: bytes) -> Decoded:
    """The records of an ExportLogsServiceRequest. Raises Malformed."""
    decoded = Decoded([])
    for group in _parse(body).resource_logs:
        for inner in group.scope_logs:
            origin = _origin(decoded, group, inner)
            decoded.batches.append(Batch(origin, logs=decoded.take(_log, inner.log_records)))
    return decoded


def traces(body: bytes) -> Decoded:
    """The spans of an ExportTraceServiceRequest. Raises Malformed."""
    decoded = Decoded([])
    for group in _parse(body).resource_spans:
        for inner in group.scope_spans:
            origin = _origin(decoded, group, inner)
            decoded.batches.append(Batch(origin, spans=decoded.take(_span, inner.spans)))
    return decoded


def metrics(body: bytes) -> Decoded:
    """The metrics of an ExportMetricsServiceRequest. Raises Malformed."""
    decoded = Decoded([])
    for group in _parse(body).resource_metrics:
        for inner in group.scope_metrics:
            origin = _origin(decoded, group, inner)
            found: list[Metric] = decoded.take(metric_points.of_json, inner.metrics)
            decoded.batches.append(Batch(origin, metrics=found))
    return decoded


DECODERS: dict[str, Callable[[bytes], Decoded]] = {"logs": logs, "traces": traces, "metrics": metrics}


def _parse(body: bytes) -> Request:
    try:
        stripped = body.strip(b" \t\r\n")
        return _request.decode(b"{}" if stripped in {b"", b"null"} else in_camel_case(stripped))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"the body is no OTLP JSON: {error}") from None


def _origin(decoded: Decoded, group: ResourceGroup, inner: ScopeGroup) -> Origin:
    resource, scope = group.resource or JsonResource(), inner.scope or JsonScope()
    try:
        named = Scope(scope.name, scope.version, inner.schema_url, attributes_of_json(scope.attributes))
        return Origin(attributes_of_json(resource.attributes), group.schema_url, named)
    except Malformed as error:
        decoded.reason = f"resource attributes dropped: {error}"
        return Origin()


def _log(decoded: Decoded, record: JsonLog) -> Log:
    return Log(
        unsigned(record.time_unix_nano),
        unsigned(record.observed_time_unix_nano),
        record.severity_number,
        record.severity_text,
        of_json(record.body),
        attributes_of_json(record.attributes),
        decoded.trace_id(of_hex(record.trace_id)),
        decoded.span_id(of_hex(record.span_id)),
        record.flags,
        record.event_name,
    )


def _span(decoded: Decoded, span: JsonSpan) -> Span:
    return Span(
        required(decoded.trace_id(of_hex(span.trace_id)), "trace id"),
        required(decoded.span_id(of_hex(span.span_id)), "span id"),
        decoded.span_id(of_hex(span.parent_span_id)),
        span.name,
        span.kind,
        unsigned(span.start_time_unix_nano),
        unsigned(span.end_time_unix_nano),
        span.status.code,
        span.status.message,
        attributes_of_json(span.attributes),
        [_event(event) for event in span.events],
        [_link(decoded, link) for link in span.links],
        span.trace_state,
        span.flags,
    )


def _link(decoded: Decoded, link: JsonLink) -> Link:
    ids = decoded.trace_id(of_hex(link.trace_id)), decoded.span_id(of_hex(link.span_id))
    return Link(*ids, attributes_of_json(link.attributes))


def _event(event: JsonEvent) -> SpanEvent:
    return SpanEvent(unsigned(event.time_unix_nano), event.name, attributes_of_json(event.attributes))
