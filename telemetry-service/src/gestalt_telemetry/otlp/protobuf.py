"""OTLP's protobuf requests, decoded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span as ProtoSpan

from gestalt_telemetry.otlp import metric_points
from gestalt_telemetry.otlp.decoded import Decoded, required
from gestalt_telemetry.otlp.values import Malformed, attributes_of_proto, of_proto
from gestalt_telemetry.records import Batch, Link, Log, Origin, Scope, Span, SpanEvent


def logs(body: bytes) -> Decoded:
    """The records of an ExportLogsServiceRequest. Raises Malformed."""
    request = _parse(ExportLogsServiceRequest(), body)
    decoded = Decoded([])
    for group in request.resource_logs:
        for inner in group.scope_logs:
            origin = _origin(decoded, group.resource, group.schema_url, inner.scope, inner.schema_url)
            decoded.batches.append(Batch(origin, logs=decoded.take(_log, inner.log_records)))
    return decoded


def traces(body: bytes) -> Decoded:
    """The spans of an ExportTraceServiceRequest. Raises Malformed."""
    request = _parse(ExportTraceServiceRequest(), body)
    decoded = Decoded([])
    for group in request.resource_spans:
        for inner in group.scope_spans:
            origin = _origin(decoded, group.resource, group.schema_url, inner.scope, inner.schema_url)
            decoded.batches.append(Batch(origin, spans=decoded.take(_span, inner.spans)))
    return decoded


def metrics(body: bytes) -> Decoded:
    """The metrics of an ExportMetricsServiceRequest. Raises Malformed."""
    request = _parse(ExportMetricsServiceRequest(), body)
    decoded = Decoded([])
    for group in request.resource_metrics:
        for inner in group.scope_metrics:
            origin = _origin(decoded, group.resource, group.schema_url, inner.scope, inner.schema_url)
            decoded.batches.append(Batch(origin, metrics=decoded.take(metric_points.of_proto, inner.metrics)))
    return decoded


DECODERS: dict[str, Callable[[bytes], Decoded]] = {"logs": logs, "traces": traces, "metrics": metrics}


def _parse(request: Any, body: bytes) -> Any:
    message: Message = request
    try:
        message.ParseFromString(body)
    except (DecodeError, RecursionError):
        raise Malformed("the body is no OTLP protobuf") from None
    return message


def _origin(
    decoded: Decoded, resource: Resource, schema_url: str, scope: InstrumentationScope, scope_schema: str
) -> Origin:
    try:
        return Origin(
            attributes_of_proto(resource.attributes),
            schema_url,
            Scope(scope.name, scope.version, scope_schema, attributes_of_proto(scope.attributes)),
        )
    except Malformed as error:
        decoded.reason = f"resource attributes dropped: {error}"
        return Origin()


def _log(decoded: Decoded, record: LogRecord) -> Log:
    return Log(
        record.time_unix_nano,
        record.observed_time_unix_nano,
        record.severity_number,
        record.severity_text,
        of_proto(record.body),
        attributes_of_proto(record.attributes),
        decoded.trace_id(record.trace_id),
        decoded.span_id(record.span_id),
        record.flags,
        record.event_name,
    )


def _span(decoded: Decoded, span: ProtoSpan) -> Span:
    return Span(
        required(decoded.trace_id(span.trace_id), "trace id"),
        required(decoded.span_id(span.span_id), "span id"),
        decoded.span_id(span.parent_span_id),
        span.name,
        span.kind,
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        span.status.code,
        span.status.message,
        attributes_of_proto(span.attributes),
        [SpanEvent(one.time_unix_nano, one.name, attributes_of_proto(one.attributes)) for one in span.events],
        [_link(decoded, one) for one in span.links],
        span.trace_state,
        span.flags,
    )


def _link(decoded: Decoded, link: ProtoSpan.Link) -> Link:
    return Link(decoded.trace_id(link.trace_id), decoded.span_id(link.span_id), attributes_of_proto(link.attributes))
