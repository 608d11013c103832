"""Flows that lead to one another through files, and what a save of flows leads to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.support.client import Api
from tests.support.eventually import eventually
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")
TOKEN = "the token of the server"
LIMIT = 8


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    async with Stack(tmp_path_factory.mktemp("files"), token=TOKEN) as running:
        await eventually(running.flow_pids, 20, what="the flow service serves")
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def watched(system: Stack, api: Api) -> None:
    """Wait until a file that is saved fires a flow."""
    await put(api, ("probe", "*/probe", "toast_notification", {"level": "info", "message_template": "x"}))

    async def fired() -> bool:
        (system.workspace / "probe").write_text("x")
        await asyncio.sleep(0.2)
        return bool(await runs(api))

    await eventually(fired, 20, what="the workspace is watched")


async def put(api: Api, *flows: tuple[str, str, str, dict[str, Any]]) -> None:
    """Save flows: each an id, a glob of paths, an activity and its configuration."""
    triggers = [
        {"id": name, "event_type": "file-change", "match": [{"field": "path", "op": "glob", "value": glob}]}
        for name, glob, _, _ in flows
    ]
    bindings = {name: [{"activity_id": activity, "config": config}] for name, _, activity, config in flows}
    answer = await api.http.put("/api/flow/config", json={"triggers": triggers, "bindings_by_trigger_id": bindings})
    assert answer.status_code == 200, answer.text


async def runs(api: Api, **query: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await api.get("/api/flow/runs", **query, limit="1000"))["runs"]
    return found


async def stopped(api: Api, *flows: str) -> list[dict[str, Any]]:
    """The runs of these flows that were stopped as a loop."""
    failed = await runs(api, status="failed")
    found = [run for run in failed if run["trigger_id"] in flows and "stopped:" in run.get("error", "")]
    assert found, [(run["trigger_id"], run["depth"], run["status"], run["started_at"]) for run in await runs(api)]
    return found


async def test_flows_that_lead_to_one_another_through_files_are_stopped_and_say_why(system: Stack, api: Api) -> None:
    """One flow's command writes what fires the other's: no event says so."""
    await put(
        api,
        ("there", "*/ping", "run_command", {"command": "echo x >> pong"}),
        ("back", "*/pong", "run_command", {"command": "sleep 0.1; echo x >> ping"}),
    )
    (system.workspace / "ping").write_text("x")

    (run,) = await eventually(lambda: stopped(api, "there", "back"), 40, what="the loop is stopped")
    assert (
        "8 flows have led to this event, and the limit is 8; what changed is taken to be the doing of" in run["error"]
    )
    whole = await api.get(f"/api/flow/runs/{run['id']}")
    assert (whole["cause"]["depth"], whole["activities"]) == (LIMIT, [])
    assert whole["cause"]["inferred"].startswith("Shell ")
    done = [run["depth"] for name in ("there", "back") for run in await runs(api, trigger_id=name, status="succeeded")]
    assert sorted(done) == list(range(1, LIMIT + 1))


async def test_what_a_flow_has_typed_counts_as_its_doing_too(system: Stack, api: Api) -> None:
    shell = await api.create(["bash", "--norc"], title="Typist")
    config = {"target_session_id": shell["id"], "message_template": "echo x >> beat"}
    await put(api, ("typing", "*/beat", "send_to_terminal", config))
    (system.workspace / "beat").write_text("x")
    (run,) = await eventually(lambda: stopped(api, "typing"), 40, what="the loop is stopped")
    assert run["error"].endswith(f"the doing of {shell['id']}, which was at work for a flow")
    await api.delete(shell["uid"])
    await asyncio.sleep(0.3)  # what changes at the moment of its end may still be its doing


async def test_a_persons_saves_are_no_loop(system: Stack, api: Api) -> None:
    """However many: the commands that they lead to have ended before the next."""
    await put(api, ("each", "*/notes.md", "run_command", {"command": "true"}))
    for number in range(LIMIT + 3):
        (system.workspace / "notes.md").write_text(str(number))

        async def done(least: int = number + 1) -> bool:
            found = await runs(api, trigger_id="each")
            assert sum(run["status"] == "succeeded" for run in found) >= least, found
            return True

        await eventually(done, 15, what="the command has run")
        await asyncio.sleep(0.3)  # a person is no faster
    assert {run["depth"] for run in await runs(api, trigger_id="each")} == {1}


async def test_a_save_of_flows_fires_none_and_an_edit_by_hand_does(system: Stack, api: Api) -> None:
    toast = {"level": "info", "message_template": "{{path}}"}
    for glob in ("*", "*/flows/*", "*.yaml"):
        await put(api, ("saved", glob, "toast_notification", toast))
    await put(
        api, ("saved", "*/flows/*", "toast_notification", toast), ("other", "*/none", "toast_notification", toast)
    )
    await asyncio.sleep(0.5)  # a person is no faster
    edited = system.workspace / ".gestalt/config/flows/other.flow.yaml"
    edited.write_text(edited.read_text().replace("*/none", "*/nothing"))

    async def fired() -> list[dict[str, Any]]:
        return await runs(api, trigger_id="saved")

    found = await eventually(fired, 15, what="the edit has fired the flow")
    events = [(await api.get(f"/api/flow/runs/{run['id']}"))["event"] for run in found]
    assert {(event["path"], event["op"]) for event in events} == {(str(edited), "WRITE")}
