"""What the service says about itself."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest
from telemetry_world import World, eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_it_is_not_ready_without_a_writer_and_healthy_all_the_same(world: World) -> None:
    assert (await world.client.get("/readyz")).json() == {
        "ok": True, "failing": [], "damaged_segments": 0, "writer_restarts": 0,
    }  # fmt: skip
    os.kill(world.telemetry._store.writer.pid, signal.SIGSTOP)
    os.kill(world.telemetry._store.writer.pid, signal.SIGKILL)
    await eventually(lambda: not world.telemetry._store.writer.ready.is_set())
    refused = await world.client.get("/readyz")
    assert (refused.status_code, refused.json()["failing"]) == (503, ["writer"])
    assert (await world.client.get("/healthz")).json() == {"status": "ok"}

    async def ready() -> bool:
        return (await world.client.get("/readyz")).status_code == 200

    await eventually(ready)


async def test_counters_for_prometheus(world: World) -> None:
    await world.logs("one", "two")
    async with asyncio.timeout(5):
        text = (await world.client.get("/metrics")).text
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert values["gestalt_telemetry_last_log_id"] == "2.0"
    assert values["gestalt_telemetry_writer_up"] == "1.0"
    assert float(values["gestalt_telemetry_store_bytes"]) > 0
