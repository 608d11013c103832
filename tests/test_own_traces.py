"""What our services tell about themselves, through the whole system: traces that cross processes, metrics, logs."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio

from tests.support import processes
from tests.support.client import Api
from tests.support.eventually import eventually
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")
TOKEN = "the token of this module"
DEADLINE = 20.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """One with an agent that says back what it is told, and a flow that tells it something at each `work-start`."""
    async with Stack(tmp_path_factory.mktemp("own"), token=TOKEN) as running:
        agents = running.workspace / ".gestalt" / "config" / "agents"
        agents.mkdir(parents=True, exist_ok=True)
        (agents / "echo.toml").write_text('name = "Echo"\nshell = "cat"\n')
        await eventually(running.flow_pids, 20, what="the flow service serves")
        async with running.api() as api:
            activity = {
                "activity_id": "send_to_terminal",
                "config": {"target_session_id": "Echo 1", "message_template": "a flow says so"},
            }
            flows = {
                "triggers": [{"id": "t", "event_type": "work-start"}],
                "bindings_by_trigger_id": {"t": [activity]},
            }
            answer = await api.http.put("/api/flow/config", json=flows)
            assert answer.status_code == 200, answer.text
            await api.http.post("/api/sessions", json={"agent": "echo"})
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def api(system: Stack) -> AsyncIterator[Api]:
    async with system.api() as api:
        yield api


async def notify(api: Api, traceparent: str) -> None:
    body = {"session_id": "Echo 1", "payload": {"type": "work-start"}}
    path = f"/api/sessions/{quote('Echo 1')}/notify"
    told = await api.http.post(path, json=body, headers={"traceparent": traceparent})
    assert told.status_code == 204, told.text


def tree(span: dict[str, Any]) -> dict[str, Any]:
    """Names of a span and of those below it."""
    below: dict[str, Any] = {}
    for child in span["children"]:
        below |= tree(child)
    return {f"{span['service_name']} {span['name']}": below}


async def trace(api: Api, trace_id: str) -> list[dict[str, Any]]:
    answer = await api.http.get(f"/api/otel/traces/{trace_id}")
    found: list[dict[str, Any]] = answer.json()["spans"] if answer.status_code == 200 else []
    return found


async def test_a_notify_call_and_what_a_flow_made_of_it_are_one_trace(api: Api) -> None:
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    await notify(api, f"00-{trace_id}-00f067aa0ba902b7-01")

    through, at = "gestalt-gateway POST /api/sessions/{id}", "gestalt-session POST /api/sessions/{ref}"
    typing = {f"{through}/input": {f"{at}/input": {}}}

    async def told() -> bool:
        spans = await trace(api, trace_id)
        names = tree({"children": spans, "service_name": "", "name": ""})[" "]
        run = names.get(f"{through}/notify", {}).get(f"{at}/notify", {}).get("gestalt-flow flow run")
        activity = (run or {}).get("gestalt-flow activity send_to_terminal")
        return len(spans) == 1 and activity is not None and typing.items() <= activity.items()

    await eventually(told, 15, what="the whole trace is told")
    (first,) = await trace(api, trace_id)
    assert first["parentSpanId"] == "00f067aa0ba902b7"
    named = {one["key"]: one["value"] for one in first["attributes"]}
    assert named["http.route"] == {"stringValue": "/api/sessions/{id}/notify"}

    async def logged() -> bool:
        lines = await api.get("/api/otel/logs", query="notify event accepted")
        return trace_id in {one.get("traceId") for one in lines}

    await eventually(logged, 15, what="the line that was written in it is stored")


async def test_a_caller_that_is_not_told_of_is_told_by_nobody(api: Api) -> None:
    silent, loud = "a" * 32, "b" * 32
    await notify(api, f"00-{silent}-00f067aa0ba902b7-00")
    await notify(api, f"00-{loud}-00f067aa0ba902b7-01")

    async def told() -> bool:
        return bool(await trace(api, loud))

    await eventually(told, 15, what="the second trace is told")
    assert await trace(api, silent) == []


async def test_what_is_told_while_telemetry_is_down_is_there_when_it_is_back(system: Stack, api: Api) -> None:
    (pid,) = system.services("gestalt_telemetry")
    processes.kill(pid)
    trace_id = "c" * 32
    await notify(api, f"00-{trace_id}-00f067aa0ba902b7-01")

    async def told() -> bool:
        return bool(await trace(api, trace_id))

    await eventually(told, 20, what="the trace is told after all")


async def test_people_read_logs_traces_and_usage_in_their_terminal(system: Stack, api: Api) -> None:
    trace_id = "d" * 32
    following = await started(system, "logs", "-f", "--query", "notify event accepted", "-n", "1")
    try:
        assert following.stdout is not None
        async with asyncio.timeout(DEADLINE):
            before = await following.stdout.readline()
            await notify(api, f"00-{trace_id}-00f067aa0ba902b7-01")
            line = (await following.stdout.readline()).decode()
    finally:
        following.terminate()
        await following.wait()
    assert b"gestalt-session notify event accepted" in before
    assert "INFO gestalt-session notify event accepted session=Echo 1" in line
    assert line != before.decode()

    async def told() -> str:
        out = await said(system, "traces", trace_id)
        return out if "activity send_to_terminal" in out else ""

    lines = (await eventually(told, DEADLINE, what="the trace is shown")).splitlines()
    assert lines[0].split(maxsplit=2)[2] == "gestalt-gateway POST /api/sessions/{id}/notify"
    assert lines[1].startswith(" " * 4)
    assert trace_id in await said(system, "traces", "--since", "5m", "--name", "flow run")
    assert await said(system, "usage") == ""
    assert "DEBUG" not in await said(system, "logs", "--level", "info", "--json")


async def started(system: Stack, *argv: str) -> asyncio.subprocess.Process:
    variables = system.environment() | {"GESTALT_URL": system.url, "GESTALT_TOKEN": TOKEN}
    gestalt = Path(sys.executable).with_name("gestalt")
    return await asyncio.create_subprocess_exec(
        gestalt, *argv, env=variables, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


async def said(system: Stack, *argv: str) -> str:
    process = await started(system, *argv)
    async with asyncio.timeout(DEADLINE):
        out, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")
    return out.decode()
