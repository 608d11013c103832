"""Sessions in tmux windows when workers, pty hosts and tmux itself are killed."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Starts
from tests.support import processes, programs
from tests.support.client import Api
from tests.support.eventually import eventually

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")

BACK_SECONDS = 10.0


async def _closed(api: Api, uid: str) -> dict[str, Any] | None:
    session = await api.session(uid)
    return session if session["status"] == "closed" else None


async def _typed(api: Api, uid: str, data: bytes) -> bool:
    return (await api.type(uid, data)).status_code == 200


async def test_a_killed_worker_finds_its_windows_again(stack: Starts, tmp_path: Path) -> None:
    system = await stack()
    async with system.api() as api:
        flood = await api.create(programs.numbered(30, tmp_path / "flood", wait=True), runner="external")
        echo = await api.create(programs.echo(), runner="external", title="echo.1")
        async with (
            api.viewer(flood["uid"], expected=programs.expected, keep=False) as flooded,
            api.viewer(echo["uid"]) as viewer,
        ):
            await viewer.shows(programs.BEGUN)
            programs.go(tmp_path / "flood")
            for _ in range(2):
                await flooded.reach(flooded.end + 1_000_000)
                processes.kill(await api.worker_pid(echo["uid"]), signal.SIGKILL)
                await eventually(lambda: _typed(api, echo["uid"], b"x"), BACK_SECONDS)
            await flooded.closed(30)
            assert (flooded.end, flooded.exit_code) == (30_000_000, 0)
            await viewer.shows(b"xx")
        assert (await api.session(echo["uid"]))["pid"] == echo["pid"]
        assert (await api.delete(echo["uid"])).status_code == 204
        await eventually(lambda: not system.tmux_pids())


async def test_a_killed_pty_host_costs_no_byte(stack: Starts, tmp_path: Path) -> None:
    system = await stack()
    async with system.api() as api:
        flood = await api.create(programs.numbered(30, tmp_path / "flood", wait=True), runner="external")
        async with api.viewer(flood["uid"], expected=programs.expected, keep=False) as flooded:
            programs.go(tmp_path / "flood")
            await flooded.reach(1_000_000)
            processes.kill_all(system.host_pids())
            await flooded.closed(30)
            assert (flooded.end, flooded.exit_code) == (30_000_000, 0)


async def test_what_ends_without_a_worker_has_its_exit_code(stack: Starts) -> None:
    system = await stack()
    async with system.api() as api:
        made = await api.create("read line; echo got $line; exit 42", runner="external")
        up = system.pid
        worker = system.worker_pids()[0]
        processes.kill(worker, signal.SIGSTOP)
        processes.kill(up, signal.SIGKILL)
        processes.kill(worker, signal.SIGKILL)
        await system.ended()
        processes.kill(made["pid"], signal.SIGTERM)
        await eventually(lambda: not processes.alive(made["pid"]))
        await system.start()
    async with system.api() as api:
        closed = await eventually(lambda: _closed(api, made["uid"]), BACK_SECONDS)
        assert (closed["exit_code"], closed["close_reason"]) == (-signal.SIGTERM, None)


async def test_host_and_worker_gone_the_next_worker_goes_on_reading(stack: Starts, tmp_path: Path) -> None:
    system = await stack()
    async with system.api() as api:
        made = await api.create(programs.numbered(1, tmp_path / "side", wait=True), runner="external")
        await system.kill_up()
        await eventually(lambda: not any(map(processes.alive, system.service_pids())))
        processes.kill_all(system.host_pids())
        programs.go(tmp_path / "side")
        await eventually(lambda: not processes.alive(made["pid"]))
        await system.start()
    async with system.api() as api, api.viewer(made["uid"], expected=programs.expected) as viewer:
        await viewer.closed(20)
        assert (viewer.end, viewer.exit_code) == (1_000_000, 0)


async def test_a_killed_tmux_server_closes_its_sessions_and_the_next_one_works(stack: Starts) -> None:
    system = await stack()
    async with system.api() as api:
        made = [await api.create(programs.echo(), runner="external") for _ in range(2)]
        stubborn = await api.create("trap '' HUP; sleep 600; sleep 600", runner="external")
        processes.kill_all(system.tmux_pids())
        for session in (*made, stubborn):
            closed = await eventually(lambda uid=session["uid"]: _closed(api, uid), BACK_SECONDS)
            assert (closed["exit_code"], closed["close_reason"]) == (None, "tmux window closed")
        await eventually(lambda: not processes.alive(stubborn["pid"]))
        again = await api.create(programs.echo(), runner="external")
        async with api.viewer(again["uid"]) as viewer:
            await viewer.shows(programs.BEGUN)
            assert await _typed(api, again["uid"], b"hello")
            await viewer.shows(b"hello")
