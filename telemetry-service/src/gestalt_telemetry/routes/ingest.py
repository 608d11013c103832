"""Taking in: OTLP over HTTP, and the simple log entry. One handler for all signals (contract §7)."""

from __future__ import annotations

import time
from typing import Any

import structlog
from fastapi import APIRouter, Request, Response
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from gestalt_contracts.errors import GestaltError, InvalidRequest, PayloadTooLarge, Unavailable
from gestalt_serving import bodies
from gestalt_telemetry.forwarding.forwarder import AGENT
from gestalt_telemetry.refusals import WriterAway, WriterBehind
from gestalt_telemetry.routes.state import Resources, State, reply
from gestalt_telemetry.store.wire import Done, Write

router = APIRouter()
PROTOBUF, JSON = "application/x-protobuf", "application/json"
REPLIES: dict[str, tuple[Any, str, str]] = {
    "logs": (ExportLogsServiceResponse, "rejected_log_records", "rejectedLogRecords"),
    "traces": (ExportTraceServiceResponse, "rejected_spans", "rejectedSpans"),
    "metrics": (ExportMetricsServiceResponse, "rejected_data_points", "rejectedDataPoints"),
}
SESSION_UID = "x-gestalt-session"
"""Whose token was shown: the gateway alone sets it."""

log = structlog.get_logger()


class UnsupportedMediaType(GestaltError):
    """A content type or encoding that is not taken."""

    status = 415


class Behind(GestaltError):
    """More comes in than can be stored: come again later."""

    status = 429


@router.post("/v1/logs")
async def logs(request: Request, state: Resources) -> Response:
    """OTLP log records."""
    return await _export(request, state, "logs")


@router.post("/v1/traces")
async def traces(request: Request, state: Resources) -> Response:
    """OTLP spans."""
    return await _export(request, state, "traces")


@router.post("/v1/metrics")
async def metrics(request: Request, state: Resources) -> Response:
    """OTLP metrics."""
    return await _export(request, state, "metrics")


async def _export(request: Request, state: State, signal: str) -> Response:
    form = _form(request)
    if form is None:
        raise UnsupportedMediaType(f"OTLP is {PROTOBUF} or {JSON}")
    done = await _stored(request, state, signal, form)
    return _protobuf_reply(signal, done) if form == "protobuf" else _json_reply(signal, done)


@router.post("/api/otel/logs")
async def entry(request: Request, state: Resources) -> Response:
    """One simple log entry, or an OTLP batch: 204, or 200 that says what of a batch was refused."""
    form = _form(request) or ("json" if not request.headers.get("content-type") else None)
    if form is None:
        raise UnsupportedMediaType(f"log entries are {JSON}; OTLP batches {PROTOBUF} as well")
    done = await _stored(request, state, "logs", "simple" if form == "json" else form)
    if not (done.rejected or done.reason):
        return Response(status_code=204)
    return _protobuf_reply("logs", done) if form == "protobuf" else _json_reply("logs", done)


def _form(request: Request) -> str | None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return {PROTOBUF: "protobuf", JSON: "json"}.get(kind)


def _packed(request: Request) -> bool:
    """Whether the body is gzip. Raises UnsupportedMediaType for anything but that and plain."""
    encoding = request.headers.get("content-encoding", "").strip().lower()
    if encoding not in {"", "identity", "gzip"}:
        raise UnsupportedMediaType("the body may be gzip or plain")
    return encoding == "gzip"


async def _stored(request: Request, state: State, signal: str, form: str) -> Done:
    """What became of the body, once it is committed. Raises the refusal otherwise."""
    packed = _packed(request)
    body = await bodies.raw(request, state["settings"].otlp_limit)
    uid = request.headers.get(SESSION_UID, "")
    write = Write(0, signal, form, body, time.time_ns(), packed)
    if uid:
        write.session, write.uid = await state["session_name"](uid), uid
    try:
        done = await state["store"].write(write)
    except WriterBehind:
        raise Behind("more comes in than can be stored", headers={"Retry-After": "1"}) from None
    except (WriterAway, TimeoutError):
        raise Unavailable("telemetry cannot be stored now", headers={"Retry-After": "1"}) from None
    _refuse(done, state["settings"].otlp_limit)
    forwarder = state["forwarder"]
    if forwarder is not None and not request.headers.get("user-agent", "").startswith(AGENT):
        await forwarder.take(write)
    return done


def _refuse(done: Done, limit: int) -> None:
    if done.outcome == "malformed":
        raise InvalidRequest(done.reason)
    if done.outcome == "too_large":
        raise PayloadTooLarge(f"the body is over {limit} bytes once it is unpacked")
    if done.outcome == "failed":
        raise Unavailable("telemetry cannot be stored now", headers={"Retry-After": "5"})


def _protobuf_reply(signal: str, done: Done) -> Response:
    message, rejected, _ = REPLIES[signal]
    answer = message()
    if done.rejected or done.reason:
        setattr(answer.partial_success, rejected, done.rejected)
        answer.partial_success.error_message = done.reason
    return Response(answer.SerializeToString(), media_type=PROTOBUF)


def _json_reply(signal: str, done: Done) -> Response:
    if not (done.rejected or done.reason):
        return reply({})
    return reply({"partialSuccess": {REPLIES[signal][2]: str(done.rejected), "errorMessage": done.reason}})
