"""Agents as sessions: started once, told their prompts, heard by their hooks (contract §3, §5)."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import textwrap
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from websockets.asyncio.client import ClientConnection, connect

from gestalt_contracts.channels import Names, Stream
from gestalt_contracts.events import decode
from gestalt_contracts.redis_client import create_redis
from tests.support import processes
from tests.support.client import Api, bearer
from tests.support.eventually import eventually
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")
TOKEN = "the token of the server"

FAKE_CLI = r"""
import os, sys, termios, time, tty
log = open(os.environ["HEARD"], "ab", buffering=0)
tty.setraw(0)
time.sleep(float(os.environ.get("SLOW", "0")))
termios.tcflush(0, termios.TCIFLUSH)
sys.stdout.write(os.environ.get("SAYS", "\x1b[?2004h\x1b[1mready>\x1b[0m ")); sys.stdout.flush()
while True:
    data = os.read(0, 65536)
    if not data:
        break
    log.write(data)
"""
"""A CLI as coding agents are: slow to start, deaf to what was typed before, then asking for pastes in brackets."""

SHOW = """
import json, os, sys, time
with open(os.environ["HEARD"] + ".new", "w") as file:
    json.dump({"argv": sys.argv[1:], "env": dict(os.environ)}, file)
os.rename(os.environ["HEARD"] + ".new", os.environ["HEARD"])
time.sleep(600)
"""
"""Tells how it was started, and stays."""


def heard(system: Stack, name: str) -> Path:
    """What the program of the agent `name` got."""
    return system.workspace / f"{name}.heard"


def profile(system: Stack, agent_id: str, text: str, **prompts: str) -> None:
    """Write a profile; `{python}`, `{cli}`, `{heard}` stand for what tests run and where it writes."""
    config = system.workspace / ".gestalt" / "config"
    for folder in ("agents", "prompts"):
        (config / folder).mkdir(parents=True, exist_ok=True)
    for name, content in {"cli": FAKE_CLI, "show": SHOW}.items():
        (system.workspace / f"{name}.py").write_text(content)
    for name, content in prompts.items():
        (config / "prompts" / f"{name}.md").write_text(content)
    filled = textwrap.dedent(text).replace("{folder}", str(system.workspace))
    (config / "agents" / f"{agent_id}.toml").write_text(filled.replace("{heard}", str(heard(system, agent_id))))


def quiet(system: Stack, agent_id: str, name: str, *more: str) -> None:
    """A profile whose program does nothing."""
    profile(system, agent_id, "\n".join([f'name = "{name}"', 'shell = "sleep 600"', *more]))


async def start(api: Api, agent_id: str, **more: Any) -> dict[str, Any]:
    """Start an agent; what the 201 says."""
    answer = await api.http.post("/api/sessions", json={"agent": agent_id, **more})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def refusal(api: Api, status: int, **order: Any) -> dict[str, Any]:
    answer = await api.http.post("/api/sessions", json=order)
    assert answer.status_code == status, answer.text
    said: dict[str, Any] = answer.json()
    return said


@asynccontextmanager
async def agent_events(system: Stack) -> AsyncIterator[ClientConnection]:
    async with connect(
        url_of(system, "/api/agents/events"), additional_headers=bearer(TOKEN), proxy=None
    ) as connection:
        yield connection


def url_of(system: Stack, path: str) -> str:
    """A socket of its gateway."""
    return f"ws{system.url.removeprefix('http')}{path}"


async def of_file(connection: ClientConnection, path: str) -> dict[str, Any]:
    """The next event about a file."""
    async with asyncio.timeout(10):
        while True:
            event: dict[str, Any] = json.loads(await connection.recv())
            if event["path"] == path:
                return event


async def next_event(connection: ClientConnection, agent_id: str, kind: str) -> dict[str, Any]:
    """The next event of an agent and a type."""
    async with asyncio.timeout(10):
        while True:
            event: dict[str, Any] = json.loads(await connection.recv())
            if (event["agent_id"], event["type"]) == (agent_id, kind):
                return event


# -- refusals


@pytest.mark.parametrize(
    "agent", ["nobody", " ", "../quiet", "quiet.toml", "a/b", "..", ".hidden", "quiet ", "é", "x" * 300, "a\u0000b"]
)
async def test_an_agent_that_is_none_is_unknown(system: Stack, api: Api, agent: str) -> None:
    quiet(system, "quiet", "Quiet")
    assert (await refusal(api, 400, agent=agent))["message"] == "unknown agent"


async def test_agent_and_command_exclude_each_other(api: Api) -> None:
    assert (await refusal(api, 400, agent="quiet", command="true"))["message"] == "agent and command exclude each other"


async def test_a_profile_that_does_not_load_says_where_and_each_start_tells_it(system: Stack, api: Api) -> None:
    path = str(system.workspace / ".gestalt" / "config" / "agents" / "broken.toml")
    async with connect(url_of(system, "/api/config/events"), additional_headers=bearer(TOKEN), proxy=None) as events:
        profile(system, "broken", 'name = "Broken"\nshell = \n')
        told = [await of_file(events, path)]
        for _ in range(2):
            said = await refusal(api, 500, agent="broken")
            told.append(await of_file(events, path))
    assert said["message"].startswith("failed to refresh agent config: broken.toml: line 2: ")
    wanted = {
        "type": "config_validation_error", "config_type": "agent", "path": path, "change_type": "validation_error",
        "message": said["message"].removeprefix("failed to refresh agent config: "),
    }  # fmt: skip
    for event in told:
        assert {key: event[key] for key in wanted} == wanted


async def test_what_cannot_be_started_leaves_no_name_behind(system: Stack, api: Api) -> None:
    profile(system, "missing", 'name = "Missing"\nshell = "/no/such/program"\n')
    profile(system, "wordless", 'name = "Wordless"\nshell = "sleep 600"\nprompt = "nowhere"\n')
    profile(system, "placeless", 'name = "Placeless"\nshell = "sleep 600"\ncwd = "no/such"\n')
    async with agent_events(system) as events:
        said = await refusal(api, 500, agent="wordless")
        assert said["message"] == 'failed to create terminal: prompt "nowhere" not found'
        event = await next_event(events, "wordless", "agent_error")
        assert event["context"] == {"error": said["message"]}
        assert event["agent_name"] == "Wordless"
        assert "failed to start" in (await refusal(api, 400, agent="missing"))["message"]
        assert "failed to start" in (await next_event(events, "missing", "agent_error"))["context"]["error"]
    assert "does not exist" in (await refusal(api, 400, agent="placeless"))["message"]
    ids = {session["id"] for session in await api.get("/api/sessions")}
    assert not ids & {"Missing 1", "Wordless 1", "Placeless 1"}


# -- names


async def test_an_agent_runs_once_however_many_start_it_at_once(system: Stack, api: Api) -> None:
    quiet(system, "single", "The / Single")
    answers = await asyncio.gather(*(api.http.post("/api/sessions", json={"agent": "single"}) for _ in range(12)))
    made = [answer.json() for answer in answers if answer.status_code == 201]
    assert [one["id"] for one in made] == ["The  Single 1"]
    assert {answer.status_code for answer in answers} == {201, 409}
    again = await refusal(api, 409, agent="single")
    message = 'agent "The / Single" is already running'
    assert again == {"message": message, "error": message, "code": "conflict", "session_id": "The  Single 1"}


async def test_a_plain_session_may_have_taken_the_agents_name(system: Stack, api: Api) -> None:
    quiet(system, "shadowed", "Shadowed")
    plain = await api.create(["sleep", "600"], title="Shadowed")
    said = await refusal(api, 409, agent="shadowed")
    assert said["message"] == '"Shadowed 1" is the name of another session'
    assert said["session_id"] == plain["id"] == "Shadowed 1"
    await api.delete(plain["uid"])
    assert (await start(api, "shadowed"))["id"] == "Shadowed 1"


async def test_an_agent_that_is_no_singleton_runs_as_often_as_one_likes(system: Stack, api: Api) -> None:
    quiet(system, "many", "Many", "singleton = false")
    made = await asyncio.gather(*(start(api, "many") for _ in range(4)))
    assert {one["id"] for one in made} == {f"Many {number}" for number in range(1, 5)}
    assert len({one["worker"] for one in made}) == 2


async def test_a_new_start_replaces_the_closed_session_on_whatever_worker(system: Stack, api: Api) -> None:
    profile(system, "brief", 'name = "Brief"\nshell = "sh -c true"\n')
    made, workers = [], set()
    for _ in range(8):
        session = await start(api, "brief")

        async def ended(uid: str = session["uid"]) -> bool:
            return bool((await api.session(uid))["status"] == "closed")

        await eventually(ended)
        made.append(session)
        workers.add(session["worker"])

    async def alone() -> bool:
        listed = [one["uid"] for one in await api.get("/api/sessions") if one["id"] == "Brief 1"]
        return listed == [made[-1]["uid"]]

    await eventually(alone)
    for one in made[:-1]:
        assert (await api.http.get(f"/api/sessions/{one['uid']}")).status_code == 404
        assert (await api.http.get(f"/api/sessions/{one['uid']}/history")).status_code == 200
    (shown,) = [agent for agent in await api.get("/api/agents") if agent["id"] == "brief"]
    assert (shown["running"], shown["session_id"]) == (False, "")


# -- what is started


async def test_the_answer_and_the_summary_say_what_was_started(system: Stack, api: Api) -> None:
    profile(
        system, "told", """
        name = "Told"
        shell = "python3 {folder}/show.py 'a b'"
        cli_type = "mine"
        model = "m-1"
        prompt = ["hello"]
        cwd = "below"
        [env]
        HEARD = "{heard}"
        GESTALT_TOKEN = "stolen"
        OTEL_SERVICE_NAME = "its own"
        BOTH = "profile"
        """, hello="Hello {{session id}}\n",
    )  # fmt: skip
    (system.workspace / "below").mkdir(exist_ok=True)
    made = await start(api, "told", role="r", title="ignored", env={"BOTH": "request"}, labels={"a": "b"})
    launch = made.pop("launch")
    assert (made["id"], made["title"], made["role"], made["labels"]) == ("Told 1", "Told", "r", {"a": "b"})
    assert (made["llm_type"], made["model"], made["interface"], made["runner"]) == ("mine", "m-1", "cli", "server")
    assert (made["prompt_files"], made["skills"], made["agent_id"]) == (["hello.md"], [], "told")
    assert made["cwd"] == str(system.workspace / "below")
    assert made["command"] == f"python3 {system.workspace}/show.py 'a b'"
    assert launch == {
        "session_id": "Told 1",
        "argv": ["python3", f"{system.workspace}/show.py", "a b"],
        "interface": "cli",
        "prompt_files": ["hello.md"],
        "prompt_injection": {
            "mode": "stdin",
            "payload": ["Hello Told 1\n"],
            "pacing": {
                "prompt_delay": 3_000_000_000,
                "inter_prompt_delay": 100_000_000,
                "final_enter_delay": 500_000_000,
                "enter_key_delay": 75_000_000,
                "on_air_timeout": 5_000_000_000,
            },
        },
    }
    await eventually(heard(system, "told").exists)
    env = json.loads(heard(system, "told").read_text())["env"]
    assert env["GESTALT_TOKEN"].startswith(made["uid"] + ".")
    assert (env["GESTALT_SESSION_ID"], env["GESTALT_URL"]) == ("Told 1", system.url)
    assert (env["OTEL_SERVICE_NAME"], env["BOTH"]) == ("its own", "request")
    assert "agent.id=told" in env["OTEL_RESOURCE_ATTRIBUTES"]
    (shown,) = [agent for agent in await api.get("/api/agents") if agent["id"] == "told"]
    assert (shown["running"], shown["session_id"]) == (True, "Told 1")


async def test_codex_is_given_its_instructions_and_its_hook_and_nobody_else_reads_them(system: Stack, api: Api) -> None:
    profile(
        system, "codex", """
        name = "Cody"
        cli_type = "codex"
        model = "gpt-5"
        prompt = ["secret"]
        notify = "mine"
        [env]
        PATH = "{folder}/bin:/usr/local/bin:/usr/bin:/bin"
        HEARD = "{heard}"
        """, secret="The secret 'plan' of {{session id}}\n",
    )  # fmt: skip
    (system.workspace / "bin").mkdir(exist_ok=True)
    codex = system.workspace / "bin" / "codex"
    codex.write_text(f'#!/bin/sh\nexec python3 {system.workspace}/show.py "$@"\n')
    codex.chmod(0o755)
    made = await start(api, "codex")
    await eventually(heard(system, "codex").exists)
    argv = json.loads(heard(system, "codex").read_text())["argv"]
    settings = dict(word.split("=", 1) for word in argv if word != "-c")
    assert list(settings)[-1] == "developer_instructions"
    assert settings["developer_instructions"] == "The secret 'plan' of Cody 1\n"
    program, *flags = json.loads(settings["notify"])
    port = system.url.rpartition(":")[2]
    assert flags == ["--host", "127.0.0.1", "--port", port, "--session-id", "Cody 1"]
    assert program.endswith("gestalt-notify")
    assert settings["otel.exporter.otlp-http.endpoint"] == f"{system.url}/v1/logs"
    launch = made.pop("launch")
    assert launch["argv"] == ["codex", *argv]
    assert launch["prompt_injection"]["mode"] == "none"
    assert "secret" not in json.dumps(
        [made["command"], await api.session(made["uid"]), await api.get("/api/sessions")]
    ).replace("secret.md", "")
    assert "developer_instructions=" in made["command"]


async def test_an_agents_life_is_told(system: Stack, api: Api) -> None:
    quiet(system, "lively", "Lively")
    async with agent_events(system) as events:
        made = await start(api, "lively")
        started = await next_event(events, "lively", "agent_started")
        assert {**started, "id": "", "timestamp": ""} == {
            "type": "agent_started", "agent_id": "lively", "agent_name": "Lively", "id": "", "timestamp": "",
        }  # fmt: skip
        assert (await api.delete(made["uid"])).status_code == 204
        await next_event(events, "lively", "agent_stopped")


# -- prompts that are typed


async def test_prompts_are_typed_once_the_word_is_shown_each_as_one_paste(system: Stack, api: Api) -> None:
    profile(
        system, "typed", """
        name = "Typed"
        shell = "python3 {folder}/cli.py"
        prompt = ["one", "two"]
        onair_string = "ready>"
        [env]
        HEARD = "{heard}"
        SLOW = "2"
        """, one="First line\nsecond line\x1b[201~é\n", two="And {{session id}}.\n",
    )  # fmt: skip
    await start(api, "typed")
    wanted = "\x1b[200~First line\nsecond lineé\x1b[201~\r\x1b[200~And Typed 1.\x1b[201~\r".encode()
    await eventually(lambda: heard(system, "typed").exists() and heard(system, "typed").read_bytes() == wanted, 15)


async def test_without_a_word_prompts_are_typed_once_the_screen_is_still(system: Stack, api: Api) -> None:
    profile(
        system, "still", """
        name = "Still"
        shell = "sh -c 'for i in 1 2 3 4 5 6 7 8; do echo loading; sleep 0.2; done; exec python3 {folder}/cli.py'"
        prompt = "only"
        [env]
        HEARD = "{heard}"
        SAYS = "plain> "
        """, only="Go\n",
    )  # fmt: skip
    await start(api, "still")
    await eventually(lambda: heard(system, "still").exists() and heard(system, "still").read_bytes() == b"Go\r", 15)


async def test_a_silent_shell_is_told_its_prompt_too(system: Stack, api: Api) -> None:
    profile(system, "silent", 'name = "Silent"\nshell = "cat"\nprompt = "hi"\n', hi="Hi there\n")
    made = await start(api, "silent")
    async with api.viewer(made["uid"]) as viewer:
        await viewer.shows(b"Hi there\r\nHi there\r\n", 15)


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
async def test_an_agent_in_tmux_is_an_agent_as_every_other(system: Stack, api: Api) -> None:
    """Told its prompts, alone of its name, given its token and what points it home, heard, stopped."""
    profile(
        system, "windowed", """
        name = "Win.do:w é"
        shell = "python3 {folder}/cli.py"
        prompt = ["hello"]
        onair_string = "ready>"
        [env]
        HEARD = "{heard}"
        """, hello="Hello {{session id}}\n" + "and more\n" * 400,
    )  # fmt: skip
    async with agent_events(system) as events:
        made = await start(api, "windowed", runner="external")
        assert (made["id"], made["runner"], made["agent_id"]) == ("Win.do:w é 1", "external", "windowed")
        assert "Hello" not in made["command"]
        await next_event(events, "windowed", "agent_started")
        again = await refusal(api, 409, agent="windowed")
        assert again["session_id"] == made["id"]
        text = "Hello Win.do:w é 1\n" + "and more\n" * 400
        wanted = f"\x1b[200~{text.rstrip()}\x1b[201~\r".encode()
        await eventually(
            lambda: heard(system, "windowed").exists() and heard(system, "windowed").read_bytes() == wanted, 15
        )
        env = processes.environment(made["pid"])
        assert env["GESTALT_TOKEN"].startswith(made["uid"] + ".")
        assert (env["GESTALT_SESSION_ID"], env["GESTALT_URL"]) == (made["id"], system.url)
        assert "agent.id=windowed" in env["OTEL_RESOURCE_ATTRIBUTES"]
        mine, path = bearer(env["GESTALT_TOKEN"]), f"/api/sessions/{made['uid']}"
        body = {"session_id": made["uid"], "payload": {"type": "progress", "plan_file": "p.org", "l1": "Do it"}}
        assert (await api.http.post(path + "/notify", json=body, headers=mine)).status_code == 204
        assert (await api.get(path + "/progress"))["l1"] == "Do it"
        assert (await api.http.post(path + "/activate")).status_code == 204
        (shown,) = [agent for agent in await api.get("/api/agents") if agent["id"] == "windowed"]
        assert (shown["running"], shown["session_id"]) == (True, made["id"])
        assert (await api.delete(made["uid"])).status_code == 204
        await next_event(events, "windowed", "agent_stopped")
    assert not processes.alive(made["pid"])
    assert (await start(api, "windowed", runner="external"))["id"] == made["id"]


async def test_a_program_that_ends_before_it_was_told_is_an_error(system: Stack, api: Api) -> None:
    profile(
        system,
        "gone",
        'name = "Gone"\nshell = "sh -c \'echo bye\'"\nprompt = "hi"\nonair_string = "never"\n',
        hi="Hi\n",
    )
    async with agent_events(system) as events:
        await start(api, "gone")
        error = await next_event(events, "gone", "agent_error")
        assert error["context"] == {"error": "prompts were not typed: the program has ended"}


# -- hooks


CODEX = """
import json, subprocess, sys, time
settings = dict(word.split("=", 1) for word in sys.argv[1:] if word != "-c")
told = {"type": "agent-turn-complete", "turn-id": "7", "last-assistant-message": "It is done."}
done = subprocess.run([*json.loads(settings["notify"]), json.dumps(told)], capture_output=True, text=True)
print("hook", done.returncode, done.stdout, done.stderr, flush=True)
time.sleep(600)
"""
"""Ends its turn as Codex does."""


@pytest.mark.skipif(
    not Path(sys.executable).with_name("gestalt-notify").exists(), reason="the compatible commands are not installed"
)
async def test_codexs_own_hook_reaches_the_gateway(system: Stack, api: Api) -> None:
    profile(
        system, "turning", """
        name = "Turning"
        cli_type = "codex"
        model = "gpt-5"
        [env]
        PATH = "{folder}/turning:/usr/local/bin:/usr/bin:/bin"
        """,
    )  # fmt: skip
    folder = system.workspace / "turning"
    folder.mkdir(exist_ok=True)
    (folder / "codex.py").write_text(CODEX)
    (folder / "codex").write_text(f'#!/bin/sh\nexec python3 {folder}/codex.py "$@"\n')
    (folder / "codex").chmod(0o755)
    made = await start(api, "turning")
    async with api.viewer(made["uid"]) as viewer:
        await viewer.shows(b"hook 0", 15)
    client = create_redis(system.redis_url(), name="test")
    try:
        entries = await client.xrange(Names().stream(Stream.NOTIFICATIONS))
    finally:
        await client.aclose()
    events = [decode(fields[b"event"]) for _, fields in entries]
    (event,) = [event for event in events if event.session_uid == made["uid"] and event.topic == "notify"]
    assert (event.type, event.agent_id) == ("agent-turn-complete", "turning")
    assert (event.data["turn_id"], event.data["last-assistant-message"]) == ("7", "It is done.")


async def test_a_hook_is_heard_with_the_sessions_own_token_and_progress_outlives_the_worker(
    system: Stack, api: Api
) -> None:
    profile(
        system, "hooked", """
        name = "Hooked"
        shell = "python3 {folder}/show.py"
        [env]
        HEARD = "{heard}"
        """,
    )  # fmt: skip
    made = await start(api, "hooked")
    await eventually(heard(system, "hooked").exists)
    token = json.loads(heard(system, "hooked").read_text())["env"]["GESTALT_TOKEN"]
    path = f"/api/sessions/{quote(made['id'])}"
    payload = {"type": "progress", "plan-file": "plans/p.org", "l1": "* WIP [#A] Do it", "task-level": 2}
    body = {"session_id": made["id"], "payload": payload, "occurred_at": "2026-03-01T09:00:00Z", "event_id": "e"}
    for _ in range(2):
        answer = await api.http.post(path + "/notify", json=body, headers=bearer(token))
        assert answer.status_code == 204, answer.text
    shown = {
        "has_progress": True, "plan_file": "p.org", "l1": "Do it", "task_level": 2,
        "updated_at": "2026-03-01T09:00:00Z",
    }  # fmt: skip
    assert await api.get(path + "/progress") == shown
    processes.kill(await api.worker_pid(made["uid"]))

    async def back() -> bool:
        answer = await api.http.get(path + "/progress", headers=bearer(token))
        return answer.status_code == 200 and answer.json() == shown

    await eventually(back, 10)
