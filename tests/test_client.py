"""The client commands against the running system, as a person or a script calls them."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.support import commands, processes, programs
from tests.support.client import Api
from tests.support.commands import BIN, environment
from tests.support.eventually import eventually
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")
TOKEN = "the-servers-secret"
run = partial(commands.run, token=TOKEN)


@contextmanager
def started(system: Stack, *argv: str) -> Iterator[subprocess.Popen[bytes]]:
    """A command of ours that runs meanwhile; its stdin is empty and stays open."""
    pipe = subprocess.PIPE
    environ = environment(system)
    with subprocess.Popen([BIN / argv[0], *argv[1:]], env=environ, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        try:
            yield process
        finally:
            process.kill()


async def test_a_session_from_its_start_to_its_end(system: Stack, api: Api) -> None:
    made = await run(system, "gestalt", "new", "--title", "worker bee", "--", *programs.echo())
    assert (made.code, made.out, made.err) == (0, "worker bee 1\n", "")
    assert "worker bee 1\n" in (await run(system, "gestalt", "ls", "-q")).out
    sent = await run(system, "gestalt", "send", "worker bee", stdin=b"typed by us")
    assert (sent.code, sent.out, sent.err) == (0, "", "")
    await eventually(lambda: _printed(system, "typed by us"), 10, what="the output has what was typed")
    removed = await run(system, "gestalt", "rm", "worker bee")
    assert (removed.code, removed.out, removed.err) == (0, "", "")
    assert "worker bee 1" not in [session["id"] for session in await api.get("/api/sessions")]
    again = await run(system, "gestalt", "rm", "worker bee")
    assert (again.code, again.err.count("\n")) == (1, 1)


async def _printed(system: Stack, text: str) -> bool:
    return text in (await run(system, "gestalt", "output", "worker bee")).out


async def test_without_a_token_each_command_says_what_to_do(system: Stack) -> None:
    for argv in (["gestalt", "ls"], ["gestalt", "events"], ["gestalt-send", "x"], ["gestalt-agent", "x"]):
        done = await run(system, *argv, stdin=b"x", token="")
        assert done.code in {1, 3, 6}
        assert "pass --token or set GESTALT_TOKEN" in done.err
        assert done.err.count("\n") == 1


async def test_wait_returns_when_a_plain_session_is_quiet(system: Stack, api: Api) -> None:
    script = "while read line; do for i in 1 2 3; do sleep 0.4; echo $line $i; done; done"
    session = await api.create(["sh", "-c", script])
    begun = time.monotonic()
    done = await run(system, "gestalt", "send", "--enter", "--wait", session["id"], stdin=b"step")
    assert (done.code, done.out, done.err) == (0, "", "")
    assert time.monotonic() - begun >= 3 * 0.4 + 1.0
    assert "step 3" in (await run(system, "gestalt", "output", session["id"])).out


async def test_wait_is_3_when_a_session_never_falls_silent(system: Stack, api: Api) -> None:
    session = await api.create(["sh", "-c", "while :; do echo still; sleep 0.1; done"])
    done = await run(system, "gestalt", "send", "--wait", "--timeout", "2s", session["id"], stdin=b"x")
    assert (done.code, done.err) == (3, f"'{session['id']}' is not done after 2 s (--timeout)\n")
    await api.delete(session["id"])


async def test_wait_returns_when_an_agent_says_that_its_turn_is_complete(system: Stack, api: Api) -> None:
    """The agent's program says so by our hook, as Codex does, once it has read what was sent."""
    hook = (
        """read line; gestalt-notify --session-id "$GESTALT_SESSION_ID" '{"type": "agent-turn-complete"}'; exec cat"""
    )
    agents = system.data / "config" / "agents"
    (agents / "turner.toml").write_text(f'name = "Turner"\nshell = {json.dumps(f"sh -c {shlex.quote(hook)}")}\n')
    session = await api.create(agent="turner")
    done = await run(system, "gestalt", "send", "--enter", "--wait", "--timeout", "20s", "turner", stdin=b"step")
    assert (done.code, done.out, done.err) == (0, "", "")
    never = await run(system, "gestalt", "send", "--enter", "--wait", "--timeout", "1s", "turner", stdin=b"step")
    assert never.code == 3
    await api.delete(session["uid"])


async def test_wait_returns_when_the_session_ends(system: Stack, api: Api) -> None:
    session = await api.create(programs.echo())
    await eventually(lambda: _ready(api, session["id"]), what="the program is ready")
    done = await run(system, "gestalt", "send", "--wait", session["id"], stdin=programs.END)
    assert done.code == 0, done


async def _ready(api: Api, ref: str) -> bool:
    return bool((await api.get(f"/api/sessions/{ref}/output"))["lines"])


async def test_the_compatible_commands_reach_the_same_sessions(system: Stack, api: Api, tmp_path: Path) -> None:
    side = tmp_path / "typed"
    session = await api.create(programs.record(side), title="script")
    await eventually(lambda: _ready(api, session["id"]), what="the program is ready")
    port = system.url.rpartition(":")[2]
    sent = await run(system, "gestalt-send", "-host", "127.0.0.1", "--port", port, "script", stdin=b"a line\n")
    assert (sent.code, sent.out, sent.err) == (0, "", "")
    await eventually(lambda: side.read_bytes() == b"a line\n", what="the line was typed")
    missing = await run(system, "gestalt-send", "nobody", stdin=b"x")
    assert missing.code == 2, missing
    assert "(resolved from 'nobody')" in missing.err
    plain = await run(system, "gestalt-notify", "--session-id", session["id"], '{"type": "x"}')
    assert plain.code == 2, plain
    gone = await run(system, "gestalt-notify", "--session-id", "nobody 9", '{"type": "x"}')
    assert gone.code == 4, gone


async def test_events_are_flushed_line_by_line(system: Stack, api: Api) -> None:
    types = "terminal_created,terminal_closed"
    with started(system, "gestalt", "events", "--json", "--types", types) as process:
        assert process.stdout is not None
        os.set_blocking(process.stdout.fileno(), False)
        seen: list[dict[str, object]] = []
        await eventually(lambda: _told(api, process, seen), 20, what="an event is told")
        assert all({"type", "session_id", "timestamp", "id"} <= event.keys() for event in seen)
        process.send_signal(signal.SIGINT)
        await eventually(lambda: process.poll() is not None, 10, what="Ctrl-C ends it")
        assert process.returncode == 130


async def _told(api: Api, process: subprocess.Popen[bytes], seen: list[dict[str, object]]) -> bool:
    """Whether something was told of the sessions that are made until it is."""
    assert process.stdout is not None
    await api.delete((await api.create(["true"]))["uid"])
    seen += [json.loads(line) for line in process.stdout.readlines()]
    return bool(seen)


async def test_events_whose_reader_leaves_end_quietly(system: Stack, api: Api) -> None:
    with started(system, "gestalt", "events") as process:
        assert process.stdout is not None
        assert process.stderr is not None

        async def ended() -> bool:
            await api.delete((await api.create(["true"]))["uid"])
            return process.poll() is not None

        process.stdout.close()
        await eventually(ended, 20, what="the command has ended")
        assert (process.returncode, process.stderr.read()) == (1, b"")


async def test_workers_are_listed(system: Stack) -> None:
    listed = await run(system, "gestalt", "workers")
    assert len(listed.out.splitlines()) == 3
    assert len(json.loads((await run(system, "gestalt", "workers", "--json")).out)) == 2


async def test_attach_in_a_pipe_types_stdin_and_prints_every_byte(system: Stack, api: Api, tmp_path: Path) -> None:
    session = await api.create(programs.numbered(1, tmp_path / "written"))
    done = await run(system, "gestalt", "attach", session["id"])
    assert done.code == 0, done
    assert done.out.encode() == programs.expected(0, 1_000_000)[-len(done.out) :]
    echo = await api.create(programs.echo())
    await eventually(lambda: _ready(api, echo["id"]), what="the program is ready")
    done = await run(system, "gestalt", "attach", echo["id"], stdin=b"through a pipe" + programs.END)
    assert (done.code, done.err) == (0, ""), done


async def test_a_reader_that_stops_reading_costs_no_memory(system: Stack, api: Api, tmp_path: Path) -> None:
    side = tmp_path / "written"
    session = await api.create(programs.numbered(30, side, wait=True))
    with started(system, "gestalt", "attach", session["id"]) as process:
        await eventually(lambda: _viewers(api, session["uid"]), what="the session has a viewer")
        before = processes.memory_kb(process.pid)
        programs.go(side)
        await eventually(lambda: programs.written(side) == 30 * programs.MEGABYTE, 30, what="all is written")
        assert processes.memory_kb(process.pid) < before + 8_000
        assert process.stdout is not None
        whole = await asyncio.to_thread(process.stdout.read)
        assert whole == programs.expected(0, 30 * programs.MEGABYTE)
        await eventually(lambda: process.poll() == 0, what="attach ends with its session")


async def test_a_signal_ends_it_though_nobody_reads(system: Stack, api: Api, tmp_path: Path) -> None:
    side = tmp_path / "written"
    session = await api.create(programs.numbered(5, side, wait=True))
    with started(system, "gestalt", "attach", session["id"]) as process:
        await eventually(lambda: _viewers(api, session["uid"]), what="the session has a viewer")
        programs.go(side)
        await eventually(lambda: programs.written(side) == 5 * programs.MEGABYTE, 30, what="all is written")
        process.send_signal(signal.SIGTERM)
        await eventually(lambda: process.poll() is not None, what="it has ended")
        assert process.returncode == 128 + signal.SIGTERM


async def _viewers(api: Api, uid: str) -> bool:
    return bool((await api.session(uid))["viewers"])


async def test_a_session_deleted_while_attached_ends_it(system: Stack, api: Api) -> None:
    session = await api.create(programs.echo())
    with started(system, "gestalt", "attach", session["id"]) as process:
        await eventually(lambda: _viewers(api, session["uid"]), what="the session has a viewer")
        await api.delete(session["uid"])
        await eventually(lambda: process.poll() is not None, 10, what="attach has ended")
        assert process.returncode == 128 + signal.SIGHUP
