"""The tables: the columns of the OpenTelemetry Collector's ClickHouse exporter, and ours behind them.

Made when they are not there; tables that the exporter made get our columns. Rows that others insert have `Id` 0 and
no `Record`: they are found by queries, and are in no stream and on no page before an id.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

MAP = "Map(LowCardinality(String), String) CODEC(ZSTD(1))"
TEXT = "String CODEC(ZSTD(1))"
WORD = "LowCardinality(String) CODEC(ZSTD(1))"
TIME = "DateTime64(9) CODEC(Delta(8), ZSTD(1))"


class Table(Struct, frozen=True):
    """A table. `indexes`: of the exporter's columns; `own_indexes`: of ours."""

    name: str
    columns: dict[str, str]
    own: dict[str, str]
    indexes: tuple[str, ...]
    own_indexes: tuple[str, ...]


def _session(keys: str, *maps: str) -> str:
    """The first text of the two spellings, of the record before the resource's."""
    named = [f"nullIf({where}['session{mark}{keys}'], '')" for where in maps for mark in (".", "_")]
    return f"String DEFAULT coalesce({', '.join(named)}, '') CODEC(ZSTD(1))"


def _own(*maps: str) -> dict[str, str]:
    return {
        "Id": "UInt64 DEFAULT 0 CODEC(Delta(8), ZSTD(1))",
        "ArrivalTime": "DateTime64(3) DEFAULT now64(3) CODEC(Delta(8), ZSTD(1))",
        "Session": _session("id", *maps),
        "SessionUid": _session("uid", *maps),
        "Record": "String DEFAULT '' CODEC(ZSTD(1))",
    }


OWN_INDEXES = (
    "idx_gestalt_id Id TYPE minmax GRANULARITY 1",
    "idx_gestalt_session Session TYPE bloom_filter(0.001) GRANULARITY 1",
    "idx_gestalt_session_uid SessionUid TYPE bloom_filter(0.001) GRANULARITY 1",
)
LEVEL = """UInt8 DEFAULT multiIf(
    lower(SeverityText) IN ('trace', 'debug'), 0, lower(SeverityText) IN ('info', 'information', 'notice'), 1,
    lower(SeverityText) IN ('warn', 'warning'), 2, lower(SeverityText) IN ('err', 'error', 'critical', 'fatal'), 3,
    SeverityNumber >= 17, 3, SeverityNumber >= 13, 2, SeverityNumber >= 9 OR SeverityNumber = 0, 1, 0)"""
SEARCHED = """String DEFAULT caseFoldUTF8(concat(Body, '\\n', arrayStringConcat(
    arrayMap((k, v) -> concat(k, '=', v), mapKeys(LogAttributes), mapValues(LogAttributes)), '\\n'))) CODEC(ZSTD(1))"""

LOGS = Table(
    "otel_logs",
    {
        "Timestamp": TIME,
        "TimestampTime": "DateTime DEFAULT toDateTime(Timestamp)",
        "TraceId": TEXT,
        "SpanId": TEXT,
        "TraceFlags": "UInt8",
        "SeverityText": WORD,
        "SeverityNumber": "UInt8",
        "ServiceName": WORD,
        "Body": TEXT,
        "ResourceSchemaUrl": WORD,
        "ResourceAttributes": MAP,
        "ScopeSchemaUrl": WORD,
        "ScopeName": TEXT,
        "ScopeVersion": WORD,
        "ScopeAttributes": MAP,
        "LogAttributes": MAP,
        "EventName": TEXT,
    },
    {
        **_own("LogAttributes", "ResourceAttributes"),
        "Level": LEVEL,
        "SearchText": SEARCHED,
        "Mark": "String DEFAULT '' CODEC(ZSTD(1))",
    },
    ("idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1", "idx_time Timestamp TYPE minmax GRANULARITY 1"),
    (*OWN_INDEXES, "idx_gestalt_text SearchText TYPE text(tokenizer = ngrams(3))"),
)
SPANS = Table(
    "otel_traces",
    {
        "Timestamp": TIME,
        "TraceId": TEXT,
        "SpanId": TEXT,
        "ParentSpanId": TEXT,
        "TraceState": TEXT,
        "SpanName": WORD,
        "SpanKind": WORD,
        "ServiceName": WORD,
        "ResourceAttributes": MAP,
        "ScopeName": TEXT,
        "ScopeVersion": TEXT,
        "SpanAttributes": MAP,
        "Duration": "UInt64 CODEC(ZSTD(1))",
        "StatusCode": WORD,
        "StatusMessage": TEXT,
        "Events": "Nested(Timestamp DateTime64(9), Name LowCardinality(String),"
        " Attributes Map(LowCardinality(String), String))",
        "Links": "Nested(TraceId String, SpanId String, TraceState String,"
        " Attributes Map(LowCardinality(String), String))",
    },
    _own("SpanAttributes", "ResourceAttributes"),
    ("idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1", "idx_time Timestamp TYPE minmax GRANULARITY 1"),
    OWN_INDEXES,
)
METRICS = Table(
    "otel_metrics",
    {
        "ResourceAttributes": MAP,
        "ScopeName": TEXT,
        "ScopeVersion": TEXT,
        "ServiceName": WORD,
        "MetricName": WORD,
        "MetricDescription": TEXT,
        "MetricUnit": WORD,
        "TimeUnix": TIME,
    },
    _own("ResourceAttributes"),
    ("idx_time TimeUnix TYPE minmax GRANULARITY 1", "idx_name MetricName TYPE bloom_filter(0.001) GRANULARITY 1"),
    OWN_INDEXES,
)
"""One row for each exported metric; the exporter has a table for each kind of metric and a row for each point."""

TABLES = (LOGS, SPANS, METRICS)


def statements(kept_seconds: float) -> Iterator[str]:
    """What makes the tables as they are to be; said again it changes nothing.

    Partitions are days of arrival: that is what records are kept by, and an insert into one of them is one block,
    which is there whole or not at all.
    """
    kept = f"toDateTime(ArrivalTime) + toIntervalSecond({max(1, round(kept_seconds))})"
    for table in TABLES:
        columns = [f"{name} {kind}" for name, kind in (table.columns | table.own).items()]
        indexes = [f"INDEX {index}" for index in table.indexes + table.own_indexes]
        yield (
            f"CREATE TABLE IF NOT EXISTS {table.name} ({', '.join(columns + indexes)}) ENGINE = MergeTree"
            f" PARTITION BY toDate(ArrivalTime) ORDER BY (ArrivalTime, Id) TTL {kept} SETTINGS ttl_only_drop_parts = 1"
        )
        added = [f"ADD COLUMN IF NOT EXISTS {name} {kind}" for name, kind in table.own.items()]
        added += [f"ADD INDEX IF NOT EXISTS {index}" for index in table.own_indexes]
        yield f"ALTER TABLE {table.name} {', '.join(added)}"
        yield f"ALTER TABLE {table.name} MODIFY TTL {kept} SETTINGS materialize_ttl_after_modify = 0"
