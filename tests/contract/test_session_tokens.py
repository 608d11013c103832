"""What a program in a session may do with its own token, and what it can find out (contract §2, Session tokens)."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import pytest_asyncio
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from gestalt_gateway.routing import ROUTES, Kind, Upstream
from gestalt_gateway.session_tokens import OF_THEIR_SESSION, STAMPED
from gestalt_session import agents
from tests.support import processes
from tests.support.client import Api, bearer
from tests.support.eventually import eventually
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")
TOKEN = "the token of the server"
RUNNERS = pytest.mark.parametrize(
    "runner",
    ["server", pytest.param("external", marks=pytest.mark.skipif(shutil.which("tmux") is None, reason="no tmux"))],
)
SKILL = Path(agents.__file__).with_name("shipped") / "skills" / "talk-to-agents" / "SKILL.md"
SPY = """
import json, os, sys
def parent(pid):
    with open(f"/proc/{pid}/stat") as stat:
        return int(stat.read().rpartition(")")[2].split()[1])
def read(pid, name):
    try:
        with open(f"/proc/{pid}/{name}", "rb") as file:
            return file.read().decode(errors="replace")
    except OSError as error:
        return f"unreadable: {error}"
found, pid = [], parent(os.getpid())
while pid:
    found.append({"pid": pid, "environ": read(pid, "environ"), "cmdline": read(pid, "cmdline")})
    pid = parent(pid)
with open(sys.argv[1] + ".new", "w") as file:
    json.dump({"environ": dict(os.environ), "ancestors": found}, file)
os.rename(sys.argv[1] + ".new", sys.argv[1])
sys.stdin.read()
"""
"""Writes what it can read of itself and of everything above it, and stays."""


async def spied(system: Stack, api: Api, **more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """A session whose program looked around, and what it saw."""
    written = system.workspace / "seen.json"
    written.unlink(missing_ok=True)
    made = await api.create(["python3", "-c", SPY, str(written)], **more)
    await eventually(written.exists)
    return made, json.loads(written.read_text())


async def token_of(system: Stack, api: Api, **more: Any) -> tuple[dict[str, Any], str]:
    """A session that stays, and its program's token."""
    made, seen = await spied(system, api, **more)
    return made, str(seen["environ"]["GESTALT_TOKEN"])


@pytest_asyncio.fixture(loop_scope="module")
async def stranger(system: Stack) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=system.url, trust_env=False) as client:
        yield client


@RUNNERS
async def test_no_secret_of_ours_is_in_sight_of_a_program(system: Stack, api: Api, runner: str) -> None:
    made, seen = await spied(system, api, runner=runner)
    redis, internal = system.redis_url(), system.internal
    mine = seen["environ"]["GESTALT_TOKEN"]
    assert mine.startswith(made["uid"] + ".")
    assert seen["ancestors"]
    ours = {*system.gateway_pids(), *system.worker_pids(), system.pid}
    assert not ours & {ancestor["pid"] for ancestor in seen["ancestors"]}
    sight = json.dumps(seen)
    assert not [secret for secret in (TOKEN, redis, internal) if json.dumps(secret)[1:-1] in sight]
    assert "REDIS_URL" not in seen["environ"]
    above = json.dumps(seen["ancestors"])
    assert mine not in above


@RUNNERS
async def test_the_token_is_kept_as_a_hash_alone(system: Stack, api: Api, runner: str) -> None:
    made, token = await token_of(system, api, runner=runner)
    secret = token.partition(".")[2].encode()
    kept = [path for path in system.data.rglob("*") if path.is_file() and not path.is_symlink()]
    assert [path for path in kept if path.name == "session.json"]
    assert not [path for path in kept if secret in path.read_bytes()]
    answers = [await api.session(made["uid"]), await api.get("/api/sessions"), made]
    assert secret.decode() not in json.dumps(answers)
    assert "token" not in json.dumps(list(made))


@RUNNERS
async def test_a_sessions_token_opens_its_own_session_and_nothing_else(
    system: Stack, api: Api, stranger: httpx.AsyncClient, runner: str
) -> None:
    made, token = await token_of(system, api, runner=runner)
    other = await api.create(["sleep", "600"])
    mine = bearer(token)
    for route in ROUTES:
        if route.upstream is Upstream.PAGE or route.template in {"/healthz", "/readyz", "/api/auth/login"}:
            continue
        for named in (made, other):
            for ref in (named["id"], named["uid"]):
                path = route.template.replace("{id}", quote(ref, safe=""))
                status = await status_of(system, stranger, route.method, path, route.kind, token)
                opened = (route.method, route.template) in STAMPED or (
                    (route.method, route.template) in OF_THEIR_SESSION and named is made
                )
                assert (status != 403) == opened, (route, ref, status)
                assert status != 401
    for path in ("/api/nope", "/api/sessions/", f"/api/sessions/{made['uid']}/nope", "/v1/nope", "/ws/nope"):
        assert (await stranger.get(path, headers=mine)).status_code == 403, path
    own = f"/api/sessions/{made['uid']}"
    assert (await stranger.get(own, headers=mine)).json()["id"] == made["id"]
    assert (await stranger.get(own + "/progress", headers=mine)).json() == {"has_progress": False}
    assert (await stranger.post(own + "/bell", headers=mine)).status_code == 204
    assert (await stranger.delete(own, headers=mine)).status_code == 403
    assert (await api.session(made["uid"]))["status"] == "running"


async def test_a_sessions_token_is_no_way_to_another_credential(
    system: Stack, api: Api, stranger: httpx.AsyncClient
) -> None:
    """Neither a login nor a ticket; and in an address it opens no more than in a header."""
    _, token = await token_of(system, api)
    login = await stranger.post("/api/auth/login", json={"token": token})
    assert (login.status_code, "set-cookie" in login.headers) == (401, False)
    assert (await stranger.post("/api/auth/ticket", headers=bearer(token))).status_code == 403
    assert (await stranger.get("/api/events/stream", params={"token": token})).status_code == 403
    assert (await stranger.get("/api/sessions", params={"token": token})).status_code == 401
    for path in ("/ws/events", "/ws/session/x"):
        with pytest.raises(InvalidStatus) as refused:
            async with connect(f"ws{system.url.removeprefix('http')}{path}?token={token}", proxy=None):
                pass
        assert refused.value.response.status_code == 403


async def status_of(system: Stack, stranger: httpx.AsyncClient, method: str, path: str, kind: Kind, token: str) -> int:
    """How a route answers the token; a socket by its handshake."""
    if kind is not Kind.WEBSOCKET:
        return (await stranger.request(method, path, headers=bearer(token))).status_code
    try:
        async with connect(f"ws{system.url.removeprefix('http')}{path}", additional_headers=bearer(token), proxy=None):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


@pytest.mark.skipif(
    not Path(sys.executable).with_name("gestalt-notify").exists(), reason="the compatible commands are not installed"
)
async def test_the_shipped_skill_says_which_commands_a_session_may_use(system: Stack, api: Api) -> None:
    """What it says always works does, by the name it gives; the rest is refused with the words it quotes."""
    agent = system.workspace / ".gestalt" / "config" / "agents" / "speaker.toml"
    agent.write_text('name = "Speaker"\nshell = "bash --norc"\n')
    made = (await api.http.post("/api/sessions", json={"agent": "speaker"})).json()
    own, others = (re.findall(r"\| `(.+)` \|$", part, re.MULTILINE) for part in _halves(SKILL.read_text()))
    assert len(own) == 2
    assert len(others) == 5
    refusal = "a session's token opens only its own session"
    assert refusal in SKILL.read_text()
    for command, wanted in [*((line, "0") for line in own), *((line, f"1 {refusal}") for line in others)]:
        said = system.workspace / "said"
        said.unlink(missing_ok=True)
        line = f'said=$({command} 2>&1); printf "%s %s" $? "$said" > said.new; mv said.new said'
        await api.type(made["uid"], line.encode() + b"\r")
        await eventually(said.exists, 15)
        assert said.read_text().strip() == wanted, command


def _halves(skill: str) -> list[str]:
    """Its two tables; in a cell of Markdown a pipe is escaped."""
    return skill.replace("\\|", "|").partition("## About yourself")[2].split("## About others")


async def test_the_next_session_of_the_name_is_not_the_tokens(
    system: Stack, api: Api, stranger: httpx.AsyncClient
) -> None:
    made, token = await token_of(system, api, title="heir")
    await api.delete(made["uid"])
    again = await api.create(["sleep", "600"], title="heir")
    assert again["id"] == made["id"]
    for ref in (again["id"], again["uid"]):
        answer = await stranger.get(f"/api/sessions/{quote(ref)}", headers=bearer(token))
        assert answer.status_code == 403
    assert (await stranger.get(f"/api/sessions/{made['uid']}", headers=bearer(token))).status_code == 404
    assert (await stranger.get("/api/status", headers=bearer(token))).status_code == 403
    forged = bearer(made["uid"] + "." + "x" * 43)
    assert (await stranger.get(f"/api/sessions/{made['uid']}", headers=forged)).status_code == 401


async def test_a_token_outlives_every_process_of_ours(system: Stack, api: Api, stranger: httpx.AsyncClient) -> None:
    made, token = await token_of(system, api)
    path = f"/api/sessions/{made['uid']}"
    processes.kill(await api.worker_pid(made["uid"]))
    for pid in system.gateway_pids():
        processes.kill(pid)

    async def opened() -> bool:
        try:
            return (await stranger.get(path, headers=bearer(token))).status_code == 200
        except httpx.TransportError:
            return False

    await eventually(opened, 10)
    assert (await stranger.get("/api/status", headers=bearer(token))).status_code == 403
