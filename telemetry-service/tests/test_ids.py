"""Ids that are none: what they stand in is kept without them, and whoever sent it is told. OTLP demands the former."""

from __future__ import annotations

import json
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from telemetry_world import JSON, World

pytestmark = pytest.mark.asyncio(loop_scope="module")
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
BAD = [("zz" * 16, SPAN), (TRACE[:-2], SPAN), (TRACE, "123"), (TRACE, SPAN * 2), ("not hexadecimal!", SPAN)]
BYTES = [(b"t" * 15, b"s" * 8), (b"t" * 16, b"s" * 9), (b"t" * 32, b"s" * 8)]
COUNTS = {"logs": "rejectedLogRecords", "traces": "rejectedSpans", "metrics": "rejectedDataPoints"}


def of_json(signal: str, trace: str, span: str) -> bytes:
    """A request whose ids are those of a record, of a link, or of an exemplar."""
    ids = {"traceId": trace, "spanId": span}
    point = {"timeUnixNano": "1", "asInt": "1", "exemplars": [{"asInt": "1", **ids}]}
    record, one = {"body": {"stringValue": "x"}, **ids}, {"traceId": TRACE, "spanId": SPAN, "links": [ids]}
    metric = {"name": "m", "gauge": {"dataPoints": [point]}}
    groups: dict[str, Any] = {
        "logs": {"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]},
        "traces": {"resourceSpans": [{"scopeSpans": [{"spans": [one]}]}]},
        "metrics": {"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]},
    }
    return json.dumps(groups[signal]).encode()


def of_proto(signal: str, trace: bytes, span: bytes) -> tuple[bytes, Any]:
    """The same, and what answers it."""
    if signal == "logs":
        logs = ExportLogsServiceRequest()
        record = logs.resource_logs.add().scope_logs.add().log_records.add()
        record.trace_id, record.span_id = trace, span
        return logs.SerializeToString(), ExportLogsServiceResponse()
    if signal == "traces":
        traces = ExportTraceServiceRequest()
        one = traces.resource_spans.add().scope_spans.add().spans.add()
        one.trace_id, one.span_id = b"t" * 16, b"s" * 8
        link = one.links.add()
        link.trace_id, link.span_id = trace, span
        return traces.SerializeToString(), ExportTraceServiceResponse()
    metrics = ExportMetricsServiceRequest()
    metric = metrics.resource_metrics.add().scope_metrics.add().metrics.add()
    point = metric.gauge.data_points.add()
    point.as_int, point.time_unix_nano = 1, 1
    exemplar = point.exemplars.add()
    exemplar.trace_id, exemplar.span_id = trace, span
    return metrics.SerializeToString(), ExportMetricsServiceResponse()


async def ids(world: World, signal: str) -> tuple[str, str]:
    """The ids of what was stored last."""
    found = (await world.get(f"/api/otel/{signal}"))[-1]
    if signal == "traces":
        found = found["links"][0]
    elif signal == "metrics":
        found = found["gauge"]["dataPoints"][0]["exemplars"][0]
    return found.get("traceId", ""), found.get("spanId", "")


@pytest.mark.parametrize("signal", ["logs", "traces", "metrics"])
async def test_json_with_bad_ids_is_kept_without_them_and_told(shared: World, signal: str) -> None:
    for trace, span in BAD:
        told = (await shared.send(signal, of_json(signal, trace, span), JSON)).json()["partialSuccess"]
        assert told[COUNTS[signal]] == "0"
        assert "id that is none was dropped" in told["errorMessage"]
        assert await ids(shared, signal) == (trace if trace == TRACE else "", span if span == SPAN else "")
    assert (await shared.send(signal, of_json(signal, TRACE, SPAN), JSON)).json() == {}
    assert await ids(shared, signal) == (TRACE, SPAN)


@pytest.mark.parametrize("signal", ["logs", "traces", "metrics"])
async def test_protobuf_with_bad_ids_is_kept_without_them_and_told(shared: World, signal: str) -> None:
    for trace, span in BYTES:
        body, answer = of_proto(signal, trace, span)
        answer.ParseFromString((await shared.send(signal, body)).content)
        assert "id that is none was dropped" in answer.partial_success.error_message
        assert await ids(shared, signal) == (
            trace.hex() if len(trace) == 16 else "",
            span.hex() if len(span) == 8 else "",
        )


@pytest.mark.parametrize("signal", ["logs", "traces", "metrics"])
async def test_ids_of_zeros_say_that_there_is_none(shared: World, signal: str) -> None:
    assert (await shared.send(signal, of_json(signal, "0" * 32, "0" * 16), JSON)).json() == {}
    assert (await shared.send(signal, of_proto(signal, bytes(16), bytes(8))[0])).content == b""
    assert await ids(shared, signal) == ("", "")


async def test_a_refusal_is_told_before_a_loss(shared: World) -> None:
    records = [{"traceId": "x"}, {"timeUnixNano": "soon"}, {"spanId": "x"}]
    body = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}).encode()
    told = (await shared.send("logs", body, JSON)).json()["partialSuccess"]
    assert (told["rejectedLogRecords"], "unsigned" in told["errorMessage"]) == ("1", True)
