"""`gestalt up` on the real services: what contract §9 promises about starting, keeping and stopping."""

from __future__ import annotations

import asyncio
import json
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from gestalt_cli.stack import redis_server
from tests.support import processes, programs
from tests.support.client import Api
from tests.support.eventually import eventually
from tests.support.stack import Stack

Starts = Callable[..., Awaitable[Stack]]


async def test_a_second_up_is_refused_in_one_line_by_its_workspace_or_its_port(stack: Starts, tmp_path: Path) -> None:
    first = await stack()
    same, other = Stack(tmp_path / "same"), Stack(tmp_path / "other")
    same._flags = ["--workspace", str(first.workspace)]
    same.launch()
    other.url = first.url
    other.launch()
    try:
        assert (await same.ended(), await other.ended()) == (1, 1)
        assert same.complained().count("\n") == other.complained().count("\n") == 1
        assert str(first.workspace) in same.complained()
        assert f"port {first.url.rpartition(':')[2]} " in other.complained()
    finally:
        await same.clear()
        await other.clear()


@pytest.mark.parametrize("token", ["", "secret"])
async def test_the_commands_of_the_greeting_work_as_they_are_printed(stack: Starts, token: str) -> None:
    running = await stack(token=token)
    create, follow, type_into, listing = [line for line in running.printed().splitlines() if line.startswith("  ")][-4:]
    assert await shell(running, create) == "hello 1\n"
    following = await asyncio.create_subprocess_shell(
        f"exec {follow}", env=running.environment(), stdin=-1, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert following.stdout is not None
    assert await shell(running, type_into) == ""
    await asyncio.wait_for(following.stdout.readuntil(b"date"), 10)
    following.kill()
    await following.communicate()
    assert "hello 1" in await shell(running, listing)


async def shell(running: Stack, line: str) -> str:
    """Run a line as a user does who copied it; what it prints."""
    process = await asyncio.create_subprocess_shell(
        line, env=running.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    said, complained = await process.communicate()
    assert (process.returncode, complained) == (0, b"")
    return said.decode()


async def test_new_starts_what_it_is_given_and_ls_lists_it(stack: Starts) -> None:
    running = await stack(variables={"GESTALT_PORT": "1", "GESTALT_WORKERS": ""})
    gestalt = f"GESTALT_URL={running.url} {sys.executable} -m gestalt_cli"
    assert await shell(running, f"{gestalt} new --title hello -- {shlex.join(programs.echo())}") == "hello 1\n"
    (listed,) = json.loads(await shell(running, f"{gestalt} ls --json"))
    assert (listed["id"], listed["status"]) == ("hello 1", "running")
    async with running.api() as api, api.viewer("hello 1") as viewer:
        await viewer.shows(programs.BEGUN)
        await viewer.type(b"typed")
        await viewer.shows(b"typed")


async def test_only_the_gateway_is_open_and_the_others_ask_for_their_bearer(stack: Starts) -> None:
    running = await stack(workers=2)
    async with httpx.AsyncClient(trust_env=False) as anybody:
        for pid in running.worker_pids():
            (port,) = processes.listens(pid)
            url = f"http://127.0.0.1:{port}"
            assert (await anybody.get(f"{url}/api/sessions")).status_code == 401
            assert (await anybody.get(f"{url}/no/such")).status_code == 401
            assert (await anybody.get(f"{url}/healthz")).is_success
        assert (await anybody.get(f"{running.url}/api/sessions")).json() == []
    assert processes.listens(running.redis_pid()) == []


async def test_several_run_at_once_on_workspaces_and_ports_of_their_own(stack: Starts) -> None:
    one, other = await stack(), await stack()
    async with one.api() as first, other.api() as second:
        await first.create(programs.echo(), title="only here")
        assert len(await first.get("/api/sessions")) == 1
        assert await second.get("/api/sessions") == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_stop_tells_viewers_ends_within_five_seconds_with_0_and_leaves_terminals(
    stack: Starts, number: signal.Signals
) -> None:
    running = await stack()
    async with running.api() as api:
        session = await api.create(programs.echo())
        async with api.viewer(session["uid"]) as viewer:
            await viewer.shows(programs.BEGUN)
            begun = time.monotonic()
            assert await running.stop(number) == 0
            assert time.monotonic() - begun < 5
            await eventually(lambda: viewer.codes)
            assert viewer.codes[0] == 1001
    assert running.complained() == ""
    assert processes.alive(session["pid"])
    assert len(running.host_pids()) == 1
    assert set(running.program_pids()) == {session["pid"]}


async def test_kill_9_leaves_only_hosts_and_programs_and_the_next_up_goes_on_with_them(
    stack: Starts, tmp_path: Path
) -> None:
    running = await stack(workers=2)
    async with running.api() as api:
        side = tmp_path / "side"
        session = await api.create(programs.numbered(20, side, wait=True))
        async with api.viewer(session["uid"], expected=programs.expected, keep=False) as viewer:
            await viewer.ready()
            programs.go(side)
            await viewer.reach(1)
            services = running.service_pids()
            processes.kill(running.worker_pids()[0], signal.SIGSTOP)
            await running.kill_up()
            await eventually(lambda: not any(map(processes.alive, services)), 2)
            assert running.host_pids()
            assert session["pid"] in running.program_pids() or programs.written(side) == 20 * programs.MEGABYTE
            await running.start()
            await viewer.closed(30)
        assert (viewer.end, viewer.exit_code) == (20 * programs.MEGABYTE, 0)


async def test_kill_sessions_ends_the_programs_too(stack: Starts) -> None:
    running = await stack(token="secret", flags=["--kill-sessions"])
    async with running.api() as api:
        pids = [(await api.create(programs.echo()))["pid"] for _ in range(3)]
    assert await running.stop() == 0
    assert not any(map(processes.alive, pids))
    await eventually(lambda: not running.host_pids())


@pytest.mark.parametrize("role", ["worker", "gateway", "redis"])
async def test_what_is_killed_is_back_within_two_seconds_three_times_in_a_row(stack: Starts, role: str) -> None:
    running = await stack()
    async with running.api() as api:
        session = await api.create(programs.echo())
        async with api.viewer(session["uid"]) as viewer:
            await viewer.shows(programs.BEGUN)
            for letter in (b"a", b"b", b"c"):
                await running.settled()
                killed = pid_of(running, role)
                processes.kill(killed)
                await eventually(partial(processes.gone, killed))
                await eventually(partial(typed, api, session["uid"], letter), 2)
                await viewer.shows(letter)
            assert bytes(viewer.data) == programs.BEGUN + b"abc"
    assert running.complained().count("is back") == 3


def pid_of(running: Stack, role: str) -> int:
    if role == "redis":
        return running.redis_pid()
    return running.worker_pids()[0] if role == "worker" else running.gateway_pids()[0]


async def typed(api: Api, uid: str, data: bytes) -> bool:
    """Type under a key, so that asking again does not type again."""
    return (await api.type(uid, data, key=data.decode())).is_success


async def test_terminals_of_more_workers_than_asked_for_are_kept_until_they_end(stack: Starts) -> None:
    running = await stack(workers=2)
    async with running.api() as api:
        sessions = [await api.create(programs.echo()) for _ in range(2)]
        assert len({session["worker"] for session in sessions}) == 2
        assert await running.stop() == 0
        running.workers = 1
        await running.start()
        kept = [await eventually(partial(api.session, session["uid"])) for session in sessions]
        assert [session["pid"] for session in kept] == [session["pid"] for session in sessions]
        (draining,) = [worker["id"] for worker in await api.get("/api/workers") if worker["state"] == "draining"]
        assert (await api.create(programs.echo()))["worker"] != draining
        (last,) = [session["uid"] for session in kept if session["worker"] == draining]
        assert (await api.delete(last)).status_code == 204
        await eventually(lambda: "has no terminals left and has ended" in running.complained(), 10)
        assert len(running.worker_pids()) == 1


async def test_a_slot_with_terminals_gets_a_worker_before_one_without(stack: Starts) -> None:
    running = await stack(workers=3)
    async with running.api() as api:
        sessions = [await api.create(programs.echo()) for _ in range(3)]
        kept, *others = sorted(sessions, key=lambda session: str(session["worker"]), reverse=True)
        for session in others:
            assert (await api.delete(session["uid"])).status_code == 204
        await running.stop()
        await eventually(lambda: len(running.host_pids()) == 1, what="only one host has anything left to hold")
        running.workers = 1
        await running.start()
        again = await api.session(kept["uid"])
        assert (again["pid"], again["status"], again["worker"]) == (kept["pid"], "running", kept["worker"])
        assert len(running.worker_pids()) == 1


@asynccontextmanager
async def redis(folder: Path) -> AsyncIterator[str]:
    """A Redis of somebody else's; its URL."""
    (folder / "redis").mkdir(parents=True)
    (folder / "logs").mkdir()
    process = await asyncio.create_subprocess_exec(
        *redis_server.argv(redis_server.find()), cwd=folder / "redis", stdout=subprocess.DEVNULL
    )
    try:
        yield await asyncio.wait_for(redis_server.answers(folder / "redis"), 10)
    finally:
        process.kill()
        await process.wait()


async def test_a_redis_that_is_named_is_used_and_is_one_workspaces_alone(stack: Starts, tmp_path: Path) -> None:
    async with redis(tmp_path / "elsewhere") as url:
        running = await stack(variables={"REDIS_URL": url})
        assert running.redis_url() == url
        with pytest.raises(StopIteration):
            running.redis_pid()
        async with running.api() as api:
            session = await api.create(programs.echo())
            assert (await api.get(f"/api/sessions/{quote(session['id'])}"))["status"] == "running"
        with pytest.raises(RuntimeError, match="belongs to another workspace; give this one a GESTALT_NAMESPACE"):
            await stack(variables={"REDIS_URL": url})
        await stack(variables={"REDIS_URL": url, "GESTALT_NAMESPACE": "other"})
