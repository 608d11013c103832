"""Requests as programs send them: 500 records with five attributes, a session and a trace, texts of ten words."""

from __future__ import annotations

import random
import time

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

BATCH = 500
SESSIONS = 200
WORDS = (
    *("request", "finished", "connection", "opened", "user", "logged", "failed", "parse", "token", "retry", "backoff"),
    *("session", "created", "worker", "started", "flush", "journal", "segment", "upstream", "answered", "cache"),
    *("missed", "lease", "renewed", "viewer", "attached"),
)
SEVERITIES = (5, 9, 9, 9, 9, 9, 9, 9, 13, 17)
ROUTES = ("/api/status", "/api/sessions/:id", "/api/sessions/:id/output", "/api/otel/logs")


class Payloads:
    """Made from a seed, so that two runs send the same."""

    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)  # noqa: S311 - no secret
        self.rare: list[str] = []
        self.traces: list[bytes] = []

    def logs(self, begun: int | None = None) -> bytes:
        """One request of log records, at `begun` (Unix ns) or now. One of its words is in no other."""
        chance = self._random
        request = ExportLogsServiceRequest()
        group = request.resource_logs.add()
        _attribute(group.resource.attributes.add(), "service.name", f"service-{chance.randrange(5)}")
        inner = group.scope_logs.add()
        inner.scope.name = "bench"
        now = time.time_ns() if begun is None else begun
        for place in range(BATCH):
            record = inner.log_records.add()
            record.time_unix_nano = record.observed_time_unix_nano = now + place * 1_000
            record.severity_number = chance.choice(SEVERITIES)
            record.body.string_value = f"{' '.join(chance.choices(WORDS, k=9))} {chance.getrandbits(32):08x}"
            record.trace_id, record.span_id = chance.randbytes(16), chance.randbytes(8)
            self._attributes(record.attributes)
        self.rare.append(record.body.string_value[-8:])
        self.traces.append(record.trace_id)
        return request.SerializeToString()

    def spans(self) -> bytes:
        """One request of spans, ten to a trace."""
        chance = self._random
        request = ExportTraceServiceRequest()
        inner = request.resource_spans.add().scope_spans.add()
        now = time.time_ns()
        for place in range(BATCH):
            if place % 10 == 0:
                trace = chance.randbytes(16)
            span = inner.spans.add()
            span.trace_id, span.span_id, span.name = trace, chance.randbytes(8), chance.choice(ROUTES)
            span.start_time_unix_nano, span.end_time_unix_nano = now, now + chance.randrange(10**8)
            self._attributes(span.attributes)
        return request.SerializeToString()

    def _attributes(self, attributes: object) -> None:
        chance = self._random
        add = attributes.add  # type: ignore[attr-defined]
        _attribute(add(), "http.route", chance.choice(ROUTES))
        _attribute(add(), "http.request.method", "GET")
        _attribute(add(), "session.id", f"Coder {chance.randrange(SESSIONS)}")
        pair = add()
        pair.key, pair.value.int_value = "http.response.status_code", 200
        pair = add()
        pair.key, pair.value.double_value = "duration_ms", chance.random() * 50


def _attribute(pair: KeyValue, key: str, value: str) -> None:
    pair.key, pair.value.string_value = key, value
