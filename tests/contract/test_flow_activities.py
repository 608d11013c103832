"""What flows do to sessions, through the public API (contract §6; reference, flow §11)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio

from tests.support import programs
from tests.support.client import Api
from tests.support.eventually import eventually
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")
TOKEN = "the token of the server"
DONE = ("succeeded", "failed")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """One with two agents that say back what they are told."""
    async with Stack(tmp_path_factory.mktemp("activities"), token=TOKEN) as running:
        agents = running.workspace / ".gestalt" / "config" / "agents"
        agents.mkdir(parents=True, exist_ok=True)
        (agents / "echo.toml").write_text('name = "Echo"\nshell = "cat"\n')
        (agents / "many.toml").write_text('name = "Many"\nshell = "cat"\nsingleton = false\n')
        await eventually(running.flow_pids, 20, what="the flow service serves")
        yield running


async def done(api: Api, session: str, activity: str, config: dict[str, Any], message: str = "hello") -> dict[str, Any]:
    """Save a flow of one activity, fire it by a notify call, and give the activity's record once it is finished."""
    binding = {"activity_id": activity, "config": config}
    flows = {"triggers": [{"id": "t", "event_type": "work-start"}], "bindings_by_trigger_id": {"t": [binding]}}
    answer = await api.http.put("/api/flow/config", json=flows)
    assert answer.status_code == 200, answer.text
    before = len((await api.get("/api/flow/runs", trigger_id="t"))["runs"])
    body = {"session_id": session, "payload": {"type": "work-start", "message": message}}
    told = await api.http.post(f"/api/sessions/{quote(session)}/notify", json=body)
    assert told.status_code == 204, told.text

    async def finished() -> dict[str, Any] | None:
        found = (await api.get("/api/flow/runs", trigger_id="t"))["runs"]
        return found[0] if len(found) > before and found[0]["status"] in DONE else None

    run = await eventually(finished, 25, what="the run is finished")
    (record,) = (await api.get(f"/api/flow/runs/{run['id']}"))["activities"]
    assert (record["status"] == "failed") == (run["status"] == "failed")
    found: dict[str, Any] = record
    return found


async def lines(api: Api, session: str) -> str:
    return "\n".join((await api.get(f"/api/sessions/{quote(session)}/output"))["lines"])


@pytest_asyncio.fixture(loop_scope="module")
async def agent(api: Api, system: Stack) -> AsyncIterator[str]:
    """A running agent; its session's id."""
    del system
    session = (await api.http.post("/api/sessions", json={"agent": "echo"})).json()
    yield session["id"]
    await api.delete(session["uid"])


async def test_what_cannot_be_reached_fails_at_once_and_says_so(api: Api, agent: str) -> None:
    message = {"message_template": "x"}
    nobody = await done(api, agent, "send_to_terminal", message)
    assert nobody["attempts"][0]["error"] == "neither target_session_id nor target_agent_name is set"
    gone = await done(api, agent, "send_to_terminal", {**message, "target_session_id": "Nobody 1"})
    assert gone["attempts"][0]["error"] == "there is no live session Nobody 1"
    unknown = await done(api, agent, "spawn_agent_session", {"agent_id": "nobody"})
    assert unknown["status"] == "failed"
    again = await done(api, agent, "spawn_agent_session", {"agent_id": "echo", "reuse_if_running": False})
    assert (again["status"], again["attempts"][0]["status_code"], len(again["attempts"])) == ("failed", 409, 1)
    blank = await done(api, agent, "send_to_terminal", {"target_session_id": agent, "message_template": "{{missing}}"})
    assert blank["attempts"][0]["error"] == "the message is empty"


async def test_a_message_falls_back_on_the_agent_and_event_text_is_fenced(api: Api, agent: str) -> None:
    config = {"target_session_id": "Nobody 1", "target_agent_name": "echo", "message_template": "note: {{message}}"}
    sent = await done(api, agent, "send_to_terminal", config, message="do this\x1b[2J\nnow")
    assert sent["status"] == "succeeded", sent
    assert sent["result"]["session_id"] == agent

    async def shown() -> bool:
        return "note: <event-data>do this[2J now</event-data>" in await lines(api, agent)

    await eventually(shown, 10, what="the message is typed")


async def test_output_goes_along_where_it_is_asked_for(api: Api, agent: str) -> None:
    await api.type(agent, b"line of output\n")

    async def written() -> bool:
        return (await lines(api, agent)).count("line of output") >= 2

    await eventually(written, 10, what="there is output")
    shell = await api.create(programs.echo())
    config = {"target_session_id": shell["id"], "output_tail_lines": 3}
    sent = await done(api, agent, "send_to_terminal", {**config, "message_template": "tail: {{output_tail}}"})
    assert sent["status"] == "succeeded", sent
    assert sent["rendered"]["message_template"].startswith("tail: ")
    assert "line of output" in sent["rendered"]["message_template"]

    async def told() -> bool:
        return "tail: " in await lines(api, shell["id"]) and "line of output" in await lines(api, shell["id"])

    await eventually(told, 10, what="the output is typed")
    more = {**config, "include_terminal_output": True, "message_template": "with it"}
    assert (await done(api, agent, "send_to_terminal", more))["status"] == "succeeded"
    toast = await done(api, agent, "toast_notification", {"level": "info", "message_template": "{{output_tail}}"})
    assert "line of output" in toast["rendered"]["message_template"]
    await eventually(lambda: _count(api, shell["id"], "line of output", 2), 10, what="the output is appended")
    await api.delete(shell["uid"])


async def _count(api: Api, session: str, text: str, least: int) -> bool:
    return (await lines(api, session)).count(text) >= least


async def test_a_busy_session_is_left_alone_when_that_is_wanted(api: Api, agent: str) -> None:
    noisy = await api.create("while :; do echo busy; sleep 0.1; done")
    await eventually(lambda: _count(api, noisy["id"], "busy", 1), 10, what="it is at work")
    config = {"target_session_id": noisy["id"], "message_template": "x", "when_busy": "skip"}
    skipped = await done(api, agent, "send_to_terminal", config)
    assert skipped["status"] == "skipped"
    assert "is at work" in skipped["attempts"][0]["error"]
    sent = await done(api, agent, "send_to_terminal", {**config, "when_busy": "send"})
    assert sent["status"] == "succeeded"
    await api.delete(noisy["uid"])


async def test_a_message_waits_for_a_session_that_is_at_work(api: Api, agent: str, tmp_path: Path) -> None:
    """Noise until a file is there, then 10 s of quiet: only then is it typed."""
    stop = tmp_path / "stop"
    noisy = await api.create(f"while [ ! -e {stop} ]; do echo busy; sleep 0.1; done; exec cat")
    await eventually(lambda: _count(api, noisy["id"], "busy", 1), 10, what="it is at work")
    config = {"target_session_id": noisy["id"], "message_template": "at last", "when_busy": "queue"}
    waiting = asyncio.create_task(done(api, agent, "send_to_terminal", config))
    await eventually(lambda: _waits(api), 10, what="the message waits")
    stop.touch()
    sent = await waiting
    assert (sent["status"], len(sent["attempts"])) == ("succeeded", 1)
    await eventually(lambda: _count(api, noisy["id"], "at last", 1), 10, what="it is typed")
    await api.delete(noisy["uid"])


async def _waits(api: Api) -> bool:
    return bool((await api.get("/api/flow/runs", trigger_id="t", status="running"))["runs"])


async def _occupied(api: Api, uid: str) -> bool:
    return bool((await api.session(uid))["occupied"])


async def test_an_agent_in_a_turn_or_without_its_prompts_is_at_work(api: Api, system: Stack, agent: str) -> None:
    config = system.workspace / ".gestalt" / "config"
    (config / "prompts").mkdir(exist_ok=True)
    (config / "prompts" / "first.tmpl").write_text("read this\n")
    late = 'name = "Late"\nshell = "cat"\nprompt = "first"\nonair_string = "ready for it"\n'
    (config / "agents" / "late.toml").write_text(late)
    welcome = {"agent_id": "late", "message_template": "welcome", "reuse_if_running": False}
    spawned = asyncio.create_task(done(api, agent, "spawn_agent_session", welcome))

    async def started() -> dict[str, Any] | None:
        return next((one for one in await api.get("/api/sessions") if one["id"] == "Late 1"), None)

    session = await eventually(started, 10, what="the agent is started")
    await eventually(lambda: _occupied(api, session["uid"]), 10, what="its prompts wait")
    await api.type("Late 1", b"ready for it\n")
    assert (await spawned)["status"] == "succeeded"
    await eventually(lambda: _count(api, "Late 1", "welcome", 1), 10, what="it has the message")
    shown = await lines(api, "Late 1")
    assert shown.rindex("read this") < shown.index("welcome")
    await api.delete(session["uid"])
    session = (await api.http.post("/api/sessions", json={"agent": "late"})).json()
    message = {"target_session_id": session["id"], "message_template": "x", "when_busy": "skip"}
    assert (await api.session(session["uid"]))["occupied"] == "prompts"
    assert (await done(api, session["id"], "send_to_terminal", message))["status"] == "skipped"
    await api.type(session["id"], b"ready for it\n")

    async def told() -> bool:
        return "read this" in await lines(api, session["id"]) and not (await api.session(session["uid"]))["occupied"]

    await eventually(told, 15, what="the agent has its prompts")
    for kind, occupied in (("prompt-text", None), ("agent-turn-complete", None), ("prompt-text", "turn")):
        body = {"session_id": session["id"], "payload": {"type": kind}}
        answer = await api.http.post(f"/api/sessions/{quote(session['id'])}/notify", json=body)
        assert answer.status_code == 204
        assert (await api.session(session["uid"]))["occupied"] == occupied
    await api.delete(session["uid"])


async def test_messages_for_one_session_arrive_in_the_order_of_their_events(api: Api, agent: str) -> None:
    shell = await api.create(programs.echo())
    config = {"target_session_id": shell["id"], "message_template": "number {{message}}."}
    await done(api, agent, "send_to_terminal", config, message="0")
    for number in range(1, 12):
        body = {"session_id": agent, "payload": {"type": "work-start", "message": str(number)}}
        assert (await api.http.post(f"/api/sessions/{quote(agent)}/notify", json=body)).status_code == 204
    await eventually(lambda: _count(api, shell["id"], "number 11.", 1), 15, what="the last message is typed")
    seen = re.findall(r"number (\d+)\.", await lines(api, shell["id"]))
    assert list(dict.fromkeys(map(int, seen))) == list(range(12))
    await api.delete(shell["uid"])


async def test_an_agent_is_started_or_taken_and_told(api: Api, agent: str) -> None:
    taken = await done(api, agent, "spawn_agent_session", {"agent_id": "echo", "message_template": "welcome"})
    assert (taken["status"], taken["result"]["session_id"]) == ("succeeded", agent), taken
    fresh = await done(
        api, agent, "spawn_agent_session", {"agent_id": "many", "message_template": "hi", "reuse_if_running": False}
    )
    assert fresh["status"] == "succeeded", fresh
    await eventually(lambda: _count(api, fresh["result"]["session_id"], "hi", 1), 10, what="the agent is told")
    second = await done(api, agent, "spawn_agent_session", {"agent_id": "many", "reuse_if_running": False})
    assert second["result"]["session_id"] == "Many 2"
    for made in (fresh, second):
        await api.delete(made["result"]["session_uid"])


async def test_commands_hooks_and_stops(api: Api, agent: str) -> None:
    command = {"command": 'echo "got $FLOW_EVENT"; sleep 600', "title_template": "Flow {{message}}"}
    ran = await done(api, agent, "run_command", command)
    assert ran["result"]["session_id"] == "Flow hello 1", ran
    await eventually(lambda: _count(api, "Flow hello 1", '"trigger_id":"t"', 1), 10, what="the command has the event")
    told = {"target_session_id": agent, "notify_type": "work-finish", "message_template": "{{message}} over"}
    assert (await done(api, agent, "notify_session", told))["status"] == "succeeded"
    stopped = await done(api, agent, "stop_session", {"target_session_id": "Flow hello 1"})
    assert stopped["status"] == "succeeded", stopped
    assert (await api.http.get("/api/sessions/Flow%20hello%201")).status_code == 404
