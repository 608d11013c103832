"""Flows through the whole system: an event is saved for, fired on, explained, and not lost (contract §6)."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio

from tests.support.client import Api
from tests.support.eventually import eventually
from tests.support.receiver import Receiver
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")
TOKEN = "the token of the server"
DONE = ("succeeded", "failed")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """One that may call back to this machine."""
    variables = {"GESTALT_WEBHOOK_ALLOW": "127.0.0.1"}
    async with Stack(tmp_path_factory.mktemp("flows"), token=TOKEN, variables=variables) as running:
        agents = running.workspace / ".gestalt" / "config" / "agents"
        agents.mkdir(parents=True, exist_ok=True)
        (agents / "echo.toml").write_text('name = "Echo"\nshell = "cat"\n')
        await eventually(running.flow_pids, 20, what="the flow service serves")
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as running:
        yield running


async def save(api: Api, *flows: dict[str, Any]) -> dict[str, Any]:
    """Replace the configuration; each flow is a trigger with its `bindings`."""
    triggers = [{key: value for key, value in flow.items() if key != "bindings"} for flow in flows]
    bindings = {flow["id"]: flow["bindings"] for flow in flows}
    answer = await api.http.put(
        "/api/flow/config", json={"version": 1, "triggers": triggers, "bindings_by_trigger_id": bindings}
    )
    assert answer.status_code == 200, answer.text
    saved: dict[str, Any] = answer.json()
    return saved


def hook(url: str) -> dict[str, Any]:
    return {"activity_id": "post_webhook", "config": {"url": url}}


async def notify(api: Api, session: str, kind: str, **payload: str) -> None:
    body = {"session_id": session, "payload": {"type": kind, **payload}}
    answer = await api.http.post(f"/api/sessions/{quote(session)}/notify", json=body)
    assert answer.status_code == 204, answer.text


async def runs(api: Api, **query: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await api.get("/api/flow/runs", **query))["runs"]
    return found


async def test_what_is_shipped_is_there(api: Api) -> None:
    assert [activity["id"] for activity in await api.get("/api/flow/activities")][:4] == [
        "toast_notification",
        "post_webhook",
        "send_to_terminal",
        "spawn_agent_session",
    ]
    assert (await api.get("/api/flow/event-types"))["event_types"][:3] == ["file-change", "git-branch", "git-commit"]
    config = await api.get("/api/flow/config")
    assert [trigger["id"] for trigger in config["triggers"]] == ["default-file-changed"]
    assert config["errors"] == []
    assert (await api.get("/readyz"))["checks"]["flow-service"] == "ok"


async def test_a_saved_file_and_a_hook_reach_their_webhooks(api: Api, system: Stack, receiver: Receiver) -> None:
    glob = [{"field": "path", "op": "glob", "value": "*/notes.md"}]
    await save(
        api,
        {"id": "file", "event_type": "file-change", "match": glob, "bindings": [hook(receiver.url)]},
        {"id": "work", "event_type": "work-start", "where": {"session.id": "echo"}, "bindings": [hook(receiver.url)]},
    )
    (system.workspace / "other.md").write_text("x")
    (system.workspace / "notes.md").write_text("x")
    await eventually(lambda: receiver.came, 15, what="the webhook of the file")
    assert receiver.paths()[0] == str(system.workspace.resolve() / "notes.md")
    session = (await api.http.post("/api/sessions", json={"agent": "echo"})).json()
    await notify(api, session["id"], "work-start", message="begin")

    def hooked() -> dict[str, Any] | None:
        return next((one for one in receiver.came if one["body"]["trigger_id"] == "work"), None)

    came = await eventually(hooked, 10, what="the webhook of the hook")
    assert came["body"]["event"]["message"] == "begin"
    (run,) = await runs(api, trigger_id="work")
    assert (run["session_id"], run["event_type"]) == (session["id"], "work-start")
    missed = await runs(api, trigger_id="file", matched="false")
    assert any(condition["actual"].endswith("other.md") for one in missed for condition in one["conditions"][1:])
    await api.delete(session["uid"])


async def test_an_agent_that_answers_itself_by_a_flow_is_stopped(api: Api, system: Stack) -> None:
    del system
    send = {"target_agent_name": "Echo", "message_template": "again: {{message}}"}
    binding = {"activity_id": "send_to_terminal", "config": send}
    await save(api, {"id": "loop", "event_type": "agent-turn-complete", "bindings": [binding]})
    session = (await api.http.post("/api/sessions", json={"agent": "echo"})).json()
    for turn in range(9):
        await notify(api, session["id"], "agent-turn-complete", message=f"turn{turn}")

        async def written(turn: int = turn) -> bool:
            found = await runs(api, trigger_id="loop")
            return len(found) == turn + 1 and found[0]["status"] in DONE

        await eventually(written, 10, what=f"the run of turn {turn}")
    found = await runs(api, trigger_id="loop")
    assert [run["status"] for run in found] == ["failed", *["succeeded"] * 8]
    assert "8 flows have led to this event" in found[0]["error"]
    output = (await api.get(f"/api/sessions/{quote(session['id'])}/output"))["lines"]
    assert any("again: turn0" in line for line in output)
    await api.type(session["uid"], b"a person\n")
    await notify(api, session["id"], "agent-turn-complete", message="fresh")

    async def fresh() -> bool:
        return (await runs(api, trigger_id="loop"))[0]["depth"] == 1

    await eventually(fresh, 10, what="a person's typing begins the count anew")
    await api.delete(session["uid"])


async def test_an_activity_of_a_killed_service_is_done_by_the_next(api: Api, system: Stack, receiver: Receiver) -> None:
    glob = [{"field": "path", "op": "glob", "value": "*/slow.md"}]
    await save(api, {"id": "slow", "event_type": "file-change", "match": glob, "bindings": [hook(receiver.url)]})
    receiver.gate.clear()
    (system.workspace / "slow.md").write_text("x")
    await eventually(lambda: receiver.came, 15, what="the webhook is under way")
    (pid,) = system.flow_pids()
    os.kill(pid, signal.SIGKILL)
    receiver.gate.set()
    await eventually(lambda: system.flow_pids() not in ([], [pid]), 20, what="the next one serves")

    async def done() -> list[dict[str, Any]]:
        try:
            return await runs(api, trigger_id="slow", status="succeeded")
        except Exception:  # noqa: BLE001 - 503 until the next one is known
            return []

    (run,) = await eventually(done, 20, what="the run is finished")
    (activity,) = (await api.get(f"/api/flow/runs/{run['id']}"))["activities"]
    assert [attempt.get("interrupted", False) for attempt in activity["attempts"]] == [True, False]
    assert len({one["key"] for one in receiver.came}) == 1
