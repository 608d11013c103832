"""Agents and skills of a real workspace, through the gateway (contract §5)."""

from __future__ import annotations

import asyncio
import json

import pytest
from websockets.asyncio.client import connect

from tests.support.client import Api
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")
SECONDS = 5.0


async def test_what_is_shipped_is_there_and_started_by_nobody(api: Api, system: Stack) -> None:
    agents = {agent["id"]: agent for agent in await api.get("/api/agents")}
    assert {"coder", "architect", "fixer", "director", "claude"} <= set(agents)
    assert not any(agent["running"] or agent["session_id"] for agent in agents.values())
    coder = await api.get("/api/agents/coder")
    assert coder["path"] == str(system.workspace.resolve() / ".gestalt" / "config" / "agents" / "coder.toml")
    assert [skill["name"] for skill in await api.get("/api/skills?agent=coder")] == coder["skills"]
    assert (await api.get(f"/api/skills/{coder['skills'][0]}"))["body"]


async def test_a_profile_that_somebody_breaks_is_told_once_whatever_the_number_of_workers(
    api: Api, system: Stack
) -> None:
    folder = system.workspace / ".gestalt" / "config" / "agents"
    socket = connect(f"ws{api.url.removeprefix('http')}/api/config/events", proxy=None)
    async with socket as events, asyncio.timeout(SECONDS):
        for name in ("first", "second"):
            await asyncio.to_thread((folder / f"{name}.toml").write_text, 'name = "x\n')
            told = json.loads(await events.recv())
            assert (told["type"], told["config_type"]) == ("config_validation_error", "agent")
            assert told["message"].startswith(f"{name}.toml: line 1: not valid TOML")
    assert (await api.get("/api/agents/first"))["errors"][0]["line"] == 1
