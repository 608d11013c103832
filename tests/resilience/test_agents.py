"""Agents under faults: never two of one, no hook's word lost or told twice, tokens that stay good."""

from __future__ import annotations

import asyncio
import shutil
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from gestalt_contracts.bus import OLDEST
from gestalt_contracts.channels import Names, Stream
from gestalt_contracts.events import decode
from gestalt_contracts.redis_client import create_redis
from tests.support import processes
from tests.support.client import Api, bearer
from tests.support.eventually import eventually
from tests.support.faults import Fault, flushed, gateway_killed, redis_killed, worker_killed
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")
TOKEN = "the token of the server"
TRIES = 12
HOOKS = 40
NEEDS_TMUX = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")


FAULTS = [flushed, redis_killed, worker_killed, gateway_killed]


SLOW_CLI = r"""
import os, sys, time, tty
tty.setraw(0)
sys.stdout.write("\x1b[?2004hloading "); sys.stdout.flush()
while not os.path.exists(sys.argv[1] + ".go"):
    time.sleep(0.02)
sys.stdout.write("ready> "); sys.stdout.flush()
with open(sys.argv[1], "ab", buffering=0) as heard:
    while data := os.read(0, 65536):
        heard.write(data)
"""
"""A CLI that wants pastes in brackets at once, and reads when it is told to."""


def profile(system: Stack, agent_id: str) -> Path:
    """An agent that writes down its token, and stays; where it writes."""
    agents = system.workspace / ".gestalt" / "config" / "agents"
    agents.mkdir(parents=True, exist_ok=True)
    told = system.workspace / f"{agent_id}.token"
    script = system.workspace / f"{agent_id}.sh"
    script.write_text(f'printf %s "$GESTALT_TOKEN" > {told}; exec sleep 600')
    (agents / f"{agent_id}.toml").write_text(f'name = "{agent_id}"\nshell = "sh {script}"\n')
    return told


async def started(api: Api, agent_id: str) -> dict[str, Any]:
    """A session of it; a worker that has just lost its lease takes none for a moment."""
    answer = await insisted(lambda: api.http.post("/api/sessions", json={"agent": agent_id}), {201})
    made: dict[str, Any] = answer.json()
    return made


async def token_in(told: Path) -> str:
    return await eventually(lambda: told.exists() and told.read_text(), what="the program wrote its token")


async def insisted(ask: Callable[[], Awaitable[httpx.Response]], wanted: set[int]) -> httpx.Response:
    """Ask until the answer is one of `wanted`, as a client that retries does."""

    async def once() -> httpx.Response | None:
        try:
            answer = await ask()
        except httpx.TransportError:
            return None
        return answer if answer.status_code in wanted else None

    found: httpx.Response = await eventually(once, 20, what=f"one of {wanted}")
    return found


@pytest.mark.parametrize("fault", FAULTS)
async def test_no_fault_makes_two_of_one_agent(system: Stack, api: Api, fault: Fault) -> None:
    agent_id = fault.__name__
    profile(system, agent_id)
    await system.settled(proven=True)

    async def start() -> httpx.Response:
        return await api.http.post("/api/sessions", json={"agent": agent_id})

    tries = asyncio.gather(*(insisted(start, {201, 409}) for _ in range(TRIES)))
    await fault(system)
    await tries
    refused = await insisted(start, {409})
    assert refused.json()["session_id"] == f"{agent_id} 1"

    async def settled() -> bool:
        running = [one for one in await api.get("/api/sessions") if one.get("agent_id") == agent_id]
        return [(one["id"], one["status"]) for one in running] == [(f"{agent_id} 1", "running")]

    await eventually(settled, 15)


async def test_the_same_key_starts_an_agent_once_and_says_again_how(system: Stack, api: Api) -> None:
    profile(system, "keyed")
    headers = {"Idempotency-Key": "start"}
    order = {"agent": "keyed", "role": "r"}
    answers = await asyncio.gather(*(api.http.post("/api/sessions", json=order, headers=headers) for _ in range(TRIES)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert answers[0].json()["launch"]["argv"][0] == "sh"
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_hooks_word_is_told_once_whatever_dies(system: Stack, api: Api, fault: Fault) -> None:
    agent_id = f"hooked-{fault.__name__.replace('_', '-')}"
    told = profile(system, agent_id)
    made = await started(api, agent_id)
    mine = bearer(await token_in(told))
    await system.settled(proven=True)
    for pid in system.flow_pids():
        processes.kill(pid, signal.SIGSTOP)  # what flows have taken is not in the intake any more
    path = f"/api/sessions/{made['uid']}/notify"

    async def say(number: int) -> None:
        body = {"session_id": made["uid"], "event_id": f"e{number}", "payload": {"type": "commit", "number": number}}
        await insisted(lambda: api.http.post(path, json=body, headers=mine), {204})

    async with asyncio.TaskGroup() as hooks:
        for number in range(HOOKS):
            hooks.create_task(say(number))
            if number == HOOKS // 2:
                await fault(system)
    for number in range(HOOKS):
        await say(number)  # repeated: nothing
    wanted = [str(number) for number in range(HOOKS)]
    assert sorted(await numbers(system, Stream.NOTIFICATIONS, made["uid"]), key=int) == wanted
    assert sorted(await numbers(system, None, made["uid"]), key=int) == wanted
    for pid in system.flow_pids():
        processes.kill(pid, signal.SIGCONT)


async def numbers(system: Stack, stream: Stream | None, uid: str) -> list[str]:
    """Which calls of a session lie in a stream; None: the intake of flows."""
    names = Names()
    client = create_redis(system.redis_url(), name="test")
    try:
        entries = await client.xrange(names.stream(stream) if stream else names.intake, min=OLDEST)
    finally:
        await client.aclose()
    events = [decode(fields[b"event"]) for _, fields in entries]
    return [event.data["number"] for event in events if event.session_uid == uid and event.topic == "notify"]


async def test_a_token_is_good_after_redis_was_emptied(system: Stack, api: Api) -> None:
    told = profile(system, "kept")
    made = await started(api, "kept")
    mine = bearer(await token_in(told))
    await flushed(system)
    for pid in system.gateway_pids():
        processes.kill(pid)
    path = f"/api/sessions/{made['uid']}"
    assert (await insisted(lambda: api.http.get(path, headers=mine), {200})).json()["id"] == "kept 1"
    assert (await api.http.get("/api/status", headers=mine)).status_code == 403


@pytest.mark.parametrize("runner", ["server", pytest.param("external", marks=NEEDS_TMUX)])
async def test_prompts_that_a_killed_worker_has_not_typed_are_typed_once(system: Stack, api: Api, runner: str) -> None:
    config, heard = system.workspace / ".gestalt" / "config", system.workspace / f"{runner}.heard"
    (system.workspace / "slow.py").write_text(SLOW_CLI)
    for number in ("one", "two"):
        (config / "prompts" / f"{number}.md").write_text(f"Do {number}.\n")
    text = f'name = "Slow {runner}"\nshell = "python3 {system.workspace}/slow.py {heard}"\n'
    more = 'prompt = ["one", "two"]\nonair_string = "ready>"\n'
    (config / "agents" / f"slow-{runner}.toml").write_text(text + more)
    await system.settled(proven=True)
    order = {"agent": f"slow-{runner}", "runner": runner}
    made = (await insisted(lambda: api.http.post("/api/sessions", json=order), {201})).json()
    async with api.viewer(made["uid"]) as viewer:
        await viewer.shows(b"loading")
        processes.kill(await api.worker_pid(made["uid"]))
        heard.with_name(f"{heard.name}.go").touch()
        await viewer.shows(b"ready>", 15)
        wanted = b"\x1b[200~Do one.\x1b[201~\r\x1b[200~Do two.\x1b[201~\r"
        await eventually(lambda: heard.read_bytes() == wanted, 20, what="both prompts were typed, once")
