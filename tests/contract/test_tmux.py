"""Sessions in tmux windows (`runner: "external"`): the same journal, viewers, input and ends as every other session."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support import programs
from tests.support.client import Api
from tests.support.eventually import eventually
from tests.support.stack import Stack

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed"),
]

WINDOWS, INPUTS = 6, 150
KERNEL_HOLDS = 80_000
"""Bytes: 4 KiB for the program, and 64 KiB on their way there, which a busy machine fills before it can say so."""
SOME_BYTES = bytes(byte for byte in range(256) if bytes([byte]) != programs.END)


def tmux(system: Stack, *words: str) -> list[str]:
    """What the tmux servers of all slots say; nothing where none runs."""
    lines: list[str] = []
    for socket in system.data.glob("slots/*/tmux.sock"):
        argv = [shutil.which("tmux") or "tmux", "-S", socket.name, *words]
        lines += subprocess.run(argv, cwd=socket.parent, capture_output=True, check=False).stdout.decode().splitlines()
    return lines


def windows(system: Stack, which: str = "1") -> list[str]:
    """The names of the windows of all slots that a format picks."""
    return tmux(system, "list-windows", "-a", "-f", which, "-F", "#{window_name}")


@asynccontextmanager
async def window(api: Api, command: list[str] | str, **more: Any) -> AsyncIterator[dict[str, Any]]:
    """A session in tmux whose program has written something; deleted in the end."""
    made = await api.create(command, runner="external", **more)
    try:
        await eventually(lambda: _wrote(api, made["uid"]), 10)
        yield made
    finally:
        await api.delete(made["uid"])


async def _wrote(api: Api, uid: str) -> bool:
    return int((await api.session(uid))["output_bytes"]) > 0


async def _is_closed(api: Api, uid: str) -> dict[str, Any] | None:
    session = await api.session(uid)
    return session if session["status"] == "closed" else None


async def test_a_program_that_cannot_be_started_leaves_no_window(system: Stack, api: Api) -> None:
    answer = await api.http.post("/api/sessions", json={"runner": "external", "command": ["/no/such/program"]})
    assert answer.status_code == 400
    assert answer.json()["message"] == "failed to start: /no/such/program: No such file or directory"
    await eventually(lambda: not windows(system))


async def test_every_byte_comes_out_and_every_byte_goes_in(system: Stack, api: Api) -> None:
    async with window(api, programs.echo(), title="bytes") as made, api.viewer(made["uid"]) as viewer:
        assert made["runner"] == "external"
        assert windows(system) == [made["id"]]
        answer = await api.type(made["uid"], SOME_BYTES)
        assert answer.json() == {"bytes": len(SOME_BYTES)}
        await viewer.reach(len(programs.BEGUN) + len(SOME_BYTES))
        assert bytes(viewer.data) == programs.BEGUN + SOME_BYTES
        await api.type(made["uid"], programs.END)
        assert await viewer.closed() == 1000
        assert viewer.exit_code == 0
        await eventually(lambda: not windows(system))


@pytest.mark.parametrize("title", ["my.agent:5", "C# 50% #{pid} #(false)", "Zoë 你好", "-dash", "$HOME `x`"])
async def test_any_name_will_do(system: Stack, api: Api, title: str) -> None:
    async with window(api, programs.echo(), title=title) as made:
        assert windows(system) == [made["id"]]
        assert (await api.type(made["id"], b"x")).status_code == 200
        assert (await api.http.post(f"/api/sessions/{made['uid']}/activate")).status_code == 204
        assert (await api.delete(made["uid"])).status_code == 204
        assert not windows(system)


@pytest.mark.parametrize(("end", "code"), [("exit 7", 7), ("kill -KILL $$", -9)])
async def test_the_exit_code_is_that_of_the_program(api: Api, end: str, code: int) -> None:
    async with window(api, f"printf 'last words'; {end}") as made:
        closed = await eventually(lambda: _is_closed(api, made["uid"]), 10)
        assert (closed["exit_code"], closed["close_reason"]) == (code, None)
        assert (await api.get(f"/api/sessions/{made['uid']}/output"))["lines"] == ["last words"]


async def test_the_window_has_the_size_of_the_session(system: Stack, api: Api) -> None:
    async with (
        window(api, programs.size(), cols=100, rows=30) as made,
        api.viewer(made["uid"]) as viewer,
    ):
        await viewer.shows(b"100x30\r\n")
        answer = await api.http.post(f"/api/sessions/{made['uid']}/resize", json={"cols": 132, "rows": 43})
        assert answer.status_code == 204
        await viewer.shows(b"132x43\r\n")
        assert tmux(system, "list-windows", "-a", "-F", "#{window_width}x#{window_height}") == ["132x43"]


async def test_signals_reach_the_program(api: Api) -> None:
    trap = "trap 'echo caught; exit 3' INT; echo on; while :; do sleep 0.05; done"
    async with window(api, ["sh", "-c", trap]) as made:
        await api.http.post(f"/api/sessions/{made['uid']}/signal", json={"signal": "INT"})
        assert (await eventually(lambda: _is_closed(api, made["uid"]), 10))["exit_code"] == 3


async def test_activate_shows_the_window_to_whoever_is_attached(system: Stack, api: Api) -> None:
    async with AsyncExitStack() as opened:
        made = [await opened.enter_async_context(window(api, programs.echo(), title="front")) for _ in range(4)]
        for session in made:
            assert (await api.http.post(f"/api/sessions/{session['uid']}/activate")).status_code == 204
            assert session["id"] in windows(system, "#{window_active}")
    answer = await api.http.post(f"/api/sessions/{made[0]['uid']}/activate")
    assert (answer.status_code, answer.json()["message"]) == (404, "terminal not found")


async def test_a_question_is_answered_once_and_by_tmux(api: Api) -> None:
    ask = "stty raw -echo; printf 'ab\\033[6n'; dd bs=1 count=6 2>/dev/null | od -An -c; timeout 0.5 cat -v; exit 0"
    async with window(api, ask) as made, api.viewer(made["uid"]) as viewer:
        await viewer.closed()
        assert bytes(viewer.data).split() == [b"ab\x1b[6n", *(b"033", b"[", b"1", b";", b"3", b"R")]


async def test_a_window_that_a_person_closes_ends_its_session(system: Stack, api: Api) -> None:
    async with window(api, programs.echo(), title="closed by hand") as made:
        tmux(system, "kill-window", "-t", "=Gestalt workspace:=closed by hand 1")
        closed = await eventually(lambda: _is_closed(api, made["uid"]), 10)
        assert (closed["exit_code"], closed["close_reason"]) == (None, "tmux window closed")
        answer = await api.http.post(f"/api/sessions/{made['uid']}/activate")
        assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")


async def test_one_hub_shows_the_windows(api: Api) -> None:
    async with window(api, programs.echo(), title="shown in the hub"), window(api, programs.echo()):
        hub = await eventually(lambda: _running_hub(api), 10)
        status = await api.get("/api/status")
        assert (status["agents_session_id"], status["agents_tmux_session"]) == ("1", "Gestalt workspace")
        assert [hub["id"], hub["title"], hub["runner"]] == ["1", "Agents", "server"]
        async with api.viewer(hub["uid"]) as viewer:
            await viewer.shows(b"Gestalt work")
    await eventually(lambda: _no_hub(api), 10)


async def _running_hub(api: Api) -> dict[str, Any] | None:
    hubs = [session for session in await api.get("/api/sessions") if session["role"] == "agents-hub"]
    assert len(hubs) <= 1
    return next((hub for hub in hubs if hub["status"] == "running"), None)


async def _no_hub(api: Api) -> bool:
    return "agents_session_id" not in await api.get("/api/status")


async def test_a_flood_is_journalled_byte_for_byte(api: Api, tmp_path: Path) -> None:
    made = await api.create(programs.numbered(20, tmp_path / "side"), runner="external")
    async with api.viewer(made["uid"], expected=programs.expected, keep=False) as viewer:
        await viewer.closed(60)
    assert (viewer.start, viewer.end, viewer.exit_code) == (0, 20 * programs.MEGABYTE, 0)
    await api.delete(made["uid"])


async def test_a_program_that_does_not_read_gets_no_more_than_its_terminal_holds(api: Api) -> None:
    async with window(api, ["sh", "-c", "stty raw -echo; echo on; exec sleep 600"]) as made:
        answer = await api.type(made["uid"], b"x" * 500_000)
        assert answer.status_code == 504
        assert 0 < answer.json()["bytes"] < KERNEL_HOLDS


@pytest.mark.timeout(120)
async def test_concurrent_inputs_to_six_windows_go_each_where_they_should(
    system: Stack, api: Api, tmp_path: Path
) -> None:
    """None astray, none lost."""
    sides = [tmp_path / f"side-{number}" for number in range(WINDOWS)]
    async with AsyncExitStack() as opened:
        made = [await opened.enter_async_context(window(api, programs.record(side))) for side in sides]
        assert len(windows(system)) == WINDOWS
        async with asyncio.TaskGroup() as tasks:
            for line in range(INPUTS):
                for number, session in enumerate(made):
                    tasks.create_task(_typed(api, session["uid"], b"window %d line %03d\n" % (number, line)))
        for number, side in enumerate(sides):
            lines = await eventually(lambda side=side: _whole(side), 20)
            assert sorted(lines) == [b"window %d line %03d" % (number, line) for line in range(INPUTS)]


async def _typed(api: Api, uid: str, data: bytes) -> None:
    answer = await api.type(uid, data)
    assert answer.json() == {"bytes": len(data)}


def _whole(side: Path) -> list[bytes] | None:
    lines = side.read_bytes().splitlines()
    return lines if len(lines) >= INPUTS else None
