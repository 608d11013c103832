"""What is stored of each signal. Times are Unix nanoseconds; attribute values are plain (see otlp.values)."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from gestalt_telemetry.otlp.values import Attributes


class Scope(Struct, frozen=True, array_like=True):
    """The instrumentation that made a record."""

    name: str = ""
    version: str = ""
    schema_url: str = ""
    attributes: Attributes = {}


class Origin(Struct, frozen=True, array_like=True):
    """Where records of one batch come from: stored once for all of them."""

    resource: Attributes = {}
    schema_url: str = ""
    scope: Scope = Scope()


class Log(Struct, array_like=True):
    """A log record. `time` 0: unset, as `observed`."""

    time: int
    observed: int
    number: int
    text: str
    body: Any
    attributes: Attributes
    trace_id: bytes = b""
    span_id: bytes = b""
    flags: int = 0
    event: str = ""


class SpanEvent(Struct, array_like=True):
    """Something that happened inside a span."""

    time: int
    name: str
    attributes: Attributes


class Link(Struct, array_like=True):
    """Another span that this one names."""

    trace_id: bytes
    span_id: bytes
    attributes: Attributes


class Span(Struct, array_like=True):
    """A span. `status`: 0 unset, 1 ok, 2 error."""

    trace_id: bytes
    span_id: bytes
    parent_id: bytes
    name: str
    kind: int
    start: int
    end: int
    status: int
    message: str
    attributes: Attributes
    events: list[SpanEvent] = []
    links: list[Link] = []
    state: str = ""
    flags: int = 0


class Metric(Struct, array_like=True):
    """One exported metric: its OTLP JSON object, with what queries look at beside it.

    `time`: of its newest data point.
    """

    time: int
    name: str
    json: dict[str, Any]


class Batch(Struct, array_like=True):
    """Records of one origin and one signal."""

    origin: Origin
    logs: list[Log] = []
    spans: list[Span] = []
    metrics: list[Metric] = []
