"""What the routes of this service take and answer, for the API's document (contract §7)."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

from gestalt_serving.description import Table, Told

Level = Literal["debug", "info", "warning", "error"]


class Pair(TypedDict):
    """An attribute as OTLP's JSON has it: its value below a key that names its kind."""

    key: str
    value: dict[str, Any]


class Resource(TypedDict):
    """Who says it."""

    attributes: list[Pair]
    schemaUrl: NotRequired[str]


class Scope(TypedDict, total=False):
    """Which library says it."""

    name: str
    version: str
    schemaUrl: str
    attributes: list[Pair]


class LogRecord(TypedDict):
    """A log record: OTLP's JSON with an id that orders all of them."""

    id: str
    attributes: list[Pair]
    body: dict[str, Any]
    observedTimeUnixNano: str
    timeUnixNano: str
    resource: Resource
    scope: Scope
    severityNumber: int
    severityText: str
    traceId: NotRequired[str]
    spanId: NotRequired[str]
    eventName: NotRequired[str]


class LogQuery(TypedDict, total=False):
    """Which records: `level` is the least; `query` plain text; `before` pages back."""

    level: Level
    session_id: str
    trace_id: str
    since: str
    until: str
    query: str
    limit: int
    before: str


class HistogramQuery(TypedDict, total=False):
    """Which records, by steps of a duration."""

    level: Level
    session_id: str
    trace_id: str
    since: str
    until: str
    query: str
    step: str


class Bucket(TypedDict):
    """A step of time, and how many records of each level it has."""

    time: str
    counts: dict[str, int]


class Histogram(TypedDict):
    """Steps in which there is something, oldest first."""

    buckets: list[Bucket]


class Span(TypedDict):
    """A span: OTLP's JSON, and its ids, times and service once more in plain words."""

    traceId: str
    spanId: str
    parentSpanId: str
    name: str
    kind: int
    startTimeUnixNano: str
    endTimeUnixNano: str
    attributes: list[Pair]
    events: list[dict[str, Any]]
    links: list[dict[str, Any]]
    status: Literal["unset", "ok", "error"]
    resource: Resource
    scope: Scope
    trace_id: str
    span_id: str
    service_name: str
    start_time: NotRequired[str]
    duration_ms: NotRequired[float]
    status_message: NotRequired[str]


class SpanNode(Span):
    """A span of a trace with those it began."""

    children: list[SpanNode]


class Trace(TypedDict):
    """A trace as a tree."""

    trace_id: str
    spans: list[SpanNode]


class SpanQuery(TypedDict, total=False):
    """Which spans."""

    span_name: str
    session_id: str
    trace_id: str
    since: str
    until: str
    query: str
    limit: int


class Metric(TypedDict):
    """An exported metric: its data below a key that names its kind."""

    name: str
    description: NotRequired[str]
    unit: NotRequired[str]
    resource: Resource
    scope: Scope


class MetricQuery(TypedDict, total=False):
    """Which metrics."""

    name: str
    session_id: str
    since: str
    until: str
    query: str
    limit: int


class SeriesPoint(TypedDict):
    """A step and its value."""

    time: str
    value: float


class Line(TypedDict):
    """The points of one set of attributes."""

    attributes: dict[str, Any]
    points: list[SeriesPoint]


class Series(TypedDict):
    """A metric over time."""

    name: str
    step_seconds: float
    aggregation: str
    series: list[Line]


class SeriesQuery(TypedDict):
    """Which metric, how fine, and how values of a step become one."""

    name: str
    step: NotRequired[str]
    aggregation: NotRequired[Literal["sum", "avg", "min", "max", "last", "count"]]
    session_id: NotRequired[str]
    since: NotRequired[str]
    until: NotRequired[str]
    query: NotRequired[str]


class SessionUsage(TypedDict):
    """Tokens and cost of a session; what nobody told is null."""

    session_id: str | None
    session_uid: str | None
    source: str
    input_tokens: int | None
    output_tokens: int | None
    cache_read_tokens: int | None
    cache_creation_tokens: int | None
    reasoning_tokens: int | None
    cost_usd: float | None


class Usage(TypedDict):
    """Of each session that told any."""

    sessions: list[SessionUsage]


class UsageQuery(TypedDict, total=False):
    """Whose, and when."""

    session_id: str
    since: str
    until: str


class Endpoint(TypedDict):
    """A route and how often it was asked."""

    route: str
    count: int


class SlowEndpoint(Endpoint):
    """And how long the slowest of a hundred takes."""

    p99_seconds: float


class NamedCount(TypedDict):
    """Who asked, and how often."""

    name: str
    count: int


class ErrorRate(TypedDict):
    """Answers of one kind of route."""

    category: str
    total: int
    errors: int
    error_rate_pct: float


class MetricsSummary(TypedDict):
    """Requests of the last hour."""

    updated_at: str
    window_seconds: int
    top_endpoints: list[Endpoint]
    slowest_endpoints: list[SlowEndpoint]
    top_agents: list[NamedCount]
    error_rates: list[ErrorRate]


TABLE: Table = {
    "GET /api/otel/logs": Told(list[LogRecord], query=LogQuery),
    "GET /api/otel/logs/histogram": Told(Histogram, query=HistogramQuery),
    "GET /api/otel/traces": Told(list[Span], query=SpanQuery),
    "GET /api/otel/traces/{trace_id}": Told(Trace),
    "GET /api/otel/metrics": Told(list[Metric], query=MetricQuery),
    "GET /api/otel/metrics/series": Told(Series, query=SeriesQuery),
    "GET /api/otel/usage": Told(Usage, query=UsageQuery),
    "GET /api/metrics/summary": Told(MetricsSummary),
}
