"""What our own services tell: stored once whatever restarts, summed up over an hour."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from telemetry_world import World, eventually, running

from gestalt_contracts.bus_memory import InMemoryBus
from gestalt_contracts.channels import Stream
from gestalt_contracts.events import Event, now
from gestalt_contracts.service_logs import LOG_RECORDS, METRICS, REQUESTS, SPANS, LogOutbox, published

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def tell(bus: InMemoryBus, *messages: str) -> None:
    records = [{"time": 5, "level": "warning", "message": one, "attributes": {"n": 1}} for one in messages]
    assert await published(bus, LOG_RECORDS, {"service": "gateway", "records": records})


async def test_a_services_lines_are_stored_as_log_records(world: World) -> None:
    outbox = LogOutbox("gateway", keeps=lambda line: line["message"] != "request")
    for message in ("directory away", "request"):
        outbox(None, "warning", {"message": message, "level": "warning", "error": ValueError("x"), "port": 5})
    sending = asyncio.create_task(outbox.publish_forever(world.bus))

    async def stored() -> bool:
        return len(await world.get("/api/otel/logs", query="directory")) == 1

    await eventually(stored)
    sending.cancel()
    (found,) = await world.get("/api/otel/logs")
    shown = {pair["key"]: pair["value"] for pair in found["attributes"]}
    assert (found["body"], found["severityText"], found["severityNumber"]) == (
        {"stringValue": "directory away"}, "warning", 13,
    )  # fmt: skip
    assert (shown["error"], shown["port"]) == ({"stringValue": "x"}, {"intValue": "5"})
    assert found["resource"]["attributes"][0]["value"] == {"stringValue": "gestalt-gateway"}


async def test_a_services_spans_and_metrics_are_stored_and_what_is_none_stops_nothing(world: World) -> None:
    span = {"trace_id": "1" * 32, "span_id": "2" * 16, "name": "GET /x", "kind": 2, "start": 5, "end": 9, "error": "e"}
    for spans in ([{"trace_id": "no id"}], [{**span, "trace_id": "zz"}], 5, [span]):
        assert await published(world.bus, SPANS, {"service": "gateway", "instance": "7", "spans": spans})
    gauge = {"name": "gestalt_sessions", "gauge": {"dataPoints": [{"timeUnixNano": "5", "asDouble": 3.0}]}}
    assert await published(world.bus, METRICS, {"service": "session", "metrics": [gauge]})

    async def stored() -> bool:
        return len(await world.get("/api/otel/metrics", name="gestalt_sessions")) == 1

    await eventually(stored)
    (told,) = await world.get("/api/otel/traces")
    assert (told["trace_id"], told["status"], told["status_message"]) == ("1" * 32, "error", "e")
    resource = {pair["key"]: pair["value"] for pair in told["resource"]["attributes"]}
    assert resource["service.instance.id"] == {"stringValue": "7"}


async def test_each_record_is_stored_once_over_restarts_of_service_and_writer(tmp_path: Path) -> None:
    bus = InMemoryBus()
    async with running(tmp_path, bus, telemetry_segment_records=100) as world:
        for number in range(150):
            await tell(bus, f"a {number}")
        os.kill(world.telemetry._store.writer.pid, signal.SIGKILL)
        await tell(bus, "while the writer was away")

        async def came() -> bool:
            return await world.bodies(query="writer was away") != []

        await eventually(came, 10)
    await tell(bus, "while nobody was there")
    async with running(tmp_path, bus, telemetry_segment_records=100) as world:

        async def last() -> bool:
            return await world.bodies(query="nobody was there") != []

        await eventually(last)
        expected = [*(f"a {number}" for number in range(150)), "while the writer was away", "while nobody was there"]
        assert await world.bodies(limit=1000) == expected


async def test_the_summary_counts_what_the_gateway_tells(world: World) -> None:
    def answered(route: str, status: int, seconds: list[float], agent: str = "") -> dict[str, Any]:
        return {"route": route, "method": "GET", "status": status, "agent": agent, "seconds": seconds}

    requests = [
        answered("/api/status", 200, [0.001] * 98 + [0.2, 0.3]),
        answered("/api/sessions/{id}", 404, [0.01], "Coder"),
        answered("/api/sessions/{id}", 200, [0.01] * 3, "Coder"),
    ]
    event = Event(type=REQUESTS, topic="log", occurred_at=now(), data={"service": "gateway", "requests": requests})
    await world.bus.publish(Stream.LOGS, event)

    async def counted() -> bool:
        return bool((await world.get("/api/metrics/summary"))["top_endpoints"])

    await eventually(counted)
    found = await world.get("/api/metrics/summary")
    assert found.pop("updated_at").endswith("Z")
    assert found == {
        "window_seconds": 3600,
        "top_endpoints": [{"route": "/api/status", "count": 100}, {"route": "/api/sessions/:id", "count": 4}],
        "slowest_endpoints": [
            {"route": "/api/status", "p99_seconds": 0.2, "count": 100},
            {"route": "/api/sessions/:id", "p99_seconds": 0.01, "count": 4},
        ],
        "top_agents": [{"name": "Coder", "count": 4}],
        "error_rates": [
            {"category": "sessions", "total": 4, "errors": 1, "error_rate_pct": 25.0},
            {"category": "status", "total": 100, "errors": 0, "error_rate_pct": 0.0},
        ],
    }
