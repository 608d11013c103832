"""Telemetry through the whole system: a program of the OpenTelemetry SDK, a session, the gateway, restarts."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio
from websockets.asyncio.client import connect

from tests.support import processes
from tests.support.client import Api
from tests.support.eventually import eventually
from tests.support.stack import Stack

TOKEN = "the token of this module"
PROGRAM = """
import logging
from opentelemetry import metrics, trace
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry._logs import SeverityNumber

spans, logs = TracerProvider(), LoggerProvider()
spans.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
meters = MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter())])
meters.get_meter("m").create_counter("things.done").add(3, {"kind": "good"})
tracer = spans.get_tracer("t")
with tracer.start_as_current_span("outer"):
    with tracer.start_as_current_span("inner"):
        logs.get_logger("l").emit(body="a line of the SDK", severity_number=SeverityNumber.WARN, attributes={"n": 1})
for provider in (spans, logs, meters):
    provider.shutdown()
"""


@pytest_asyncio.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    async with Stack(tmp_path, token=TOKEN) as stack:
        yield stack


def telemetry_pids(stack: Stack) -> list[int]:
    """The service."""
    return stack.services("gestalt_telemetry")


async def run_sdk(stack: Stack, compression: str) -> None:
    variables = {
        **os.environ,
        "OTEL_EXPORTER_OTLP_ENDPOINT": stack.url,
        "OTEL_EXPORTER_OTLP_HEADERS": f"Authorization=Bearer {TOKEN}".replace(" ", "%20"),
        "OTEL_EXPORTER_OTLP_COMPRESSION": compression,
        "OTEL_SERVICE_NAME": f"program {compression}",
        "NO_PROXY": "127.0.0.1",
    }
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", PROGRAM], env=variables, capture_output=True, timeout=30, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")


async def bodies(api: Api, **query: object) -> list[str]:
    return [one["body"]["stringValue"] for one in await api.get("/api/otel/logs", **query)]


async def test_exporters_of_the_official_sdk_work_unchanged(stack: Stack) -> None:
    async with stack.api() as api:
        for compression in ("none", "gzip"):
            await run_sdk(stack, compression)
        assert await bodies(api, query="line of the sdk", level="warning") == ["a line of the SDK"] * 2
        spans = await api.get("/api/otel/traces", span_name="inner")
        assert [span["service_name"] for span in spans] == ["program none", "program gzip"]
        (root,) = (await api.get(f"/api/otel/traces/{spans[0]['trace_id']}"))["spans"]
        assert (root["name"], [child["name"] for child in root["children"]]) == ("outer", ["inner"])
        (metric, _) = await api.get("/api/otel/metrics", name="things.done")
        assert metric["sum"]["dataPoints"][0]["asInt"] == "3"
        (log,) = (await api.get("/api/otel/logs", trace_id=spans[0]["trace_id"]))[:1]
        assert log["spanId"] == spans[0]["span_id"]


async def test_a_program_in_a_session_is_stamped_with_it(stack: Stack) -> None:
    async with stack.api() as api:
        send = (
            'curl -s -H "Authorization: Bearer $GESTALT_TOKEN" $GESTALT_URL/api/otel/logs'
            """ -d '{"body":"from inside","attributes":{"session.id":"another"}}' -H 'content-type: application/json'"""
        )
        session = await api.create(["sh", "-c", f"{send}; exec sleep 60"], title="Sender")

        async def stored() -> list[str]:
            return await bodies(api, session_id=session["id"])

        assert await eventually(stored, 10) == ["from inside"]
        assert await bodies(api, session_id=session["uid"]) == ["from inside"]
        assert await bodies(api, session_id="another") == []


async def test_a_killed_service_is_back_with_what_it_acknowledged_and_streams_go_on(stack: Stack) -> None:
    await stack.settled(proven=True)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with stack.api() as api:
        assert (await api.http.post("/api/otel/logs", json={"body": "before"})).status_code == 204
        last = (await api.get("/api/otel/logs", query="before"))[-1]["id"]
        processes.kill(telemetry_pids(stack)[0], signal.SIGKILL)

        async def taken() -> bool:
            return (await api.http.post("/api/otel/logs", json={"body": "after"})).status_code == 204

        assert (await api.get("/api/status"))["otel_collector_restart_count"] == 0
        await eventually(taken, 5, what="telemetry takes records again")

        async def counted() -> bool:
            status = await api.get("/api/status")
            return (
                status["otel_collector_restart_count"] == 1 and "without a stop" in status["otel_collector_last_exit"]
            )

        await eventually(counted, 5, what="the death is counted")
        assert (await bodies(api, session_id="", query="before"))[-1:] == ["before"]
        url = f"{stack.url.replace('http', 'ws')}/ws/logs?after={last}&query=after"
        async with connect(url, additional_headers=headers, proxy=None) as socket, asyncio.timeout(5):
            found: dict[str, Any] = json.loads(await socket.recv())
        assert found["body"] == {"stringValue": "after"}


async def test_a_restart_of_everything_finds_it_and_services_tell_about_themselves(stack: Stack) -> None:
    async with stack.api() as api:
        assert (await api.http.post("/api/otel/logs", json={"body": "kept for later"})).status_code == 204
        assert (await api.http.get("/api/sessions/none")).status_code == 404

        async def counted() -> bool:
            summary = await api.get("/api/metrics/summary")
            routes = {one["route"]: one["count"] for one in summary["top_endpoints"]}
            return routes.get("/api/otel/logs", 0) >= 1 and routes.get("/api/sessions/:id") == 1

        await eventually(counted, 5, what="the gateway tells what it answered")
    await stack.stop()
    await stack.start()
    async with stack.api() as api:
        status = await api.get("/api/status")
        assert (status["otel_collector_running"], status["otel_collector_pid"]) == (True, telemetry_pids(stack)[0])
        assert status["otel_collector_http_endpoint"] == stack.url.removeprefix("http://")
        assert await bodies(api, query="kept for later") == ["kept for later"]
        summary = await api.get("/api/metrics/summary")
        assert {"category": "sessions", "total": 1, "errors": 1, "error_rate_pct": 100.0} in summary["error_rates"]
