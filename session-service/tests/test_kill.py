"""A worker killed in mid-flood: the same program, and every byte once for who comes back with a cursor."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from session_world import MARK, World, alive, of, socket_of
from viewing import BEARER, Viewer
from waiting import DEADLINE, eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")
LINES = 3_000_000  # 23 MB: sockets hold ten of them, and the kill is to come before the end
FLOOD = ["sh", "-c", f"stty raw -echo; printf ready; read line; seq 1 {LINES}; echo end; exec cat"]
FLOODED = b"ready" + b"".join(b"%d\n" % number for number in range(1, LINES + 1)) + b"end\n"
WRITTEN = len(FLOODED)


class Killable:
    """A worker in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self._process = process
        self.port = port
        self.http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=BEARER, trust_env=False, timeout=15)

    async def kill(self, number: int = signal.SIGKILL) -> int:
        """Send a signal; the exit status."""
        self._process.send_signal(number)
        async with asyncio.timeout(DEADLINE):
            return await self._process.wait()

    def view(self, uid: str, query: str) -> Viewer:
        """A viewer of a session."""
        return Viewer(f"ws://127.0.0.1:{self.port}{socket_of(uid)}?{query}")


@asynccontextmanager
async def killable(world: World, *words: str) -> AsyncIterator[Killable]:
    """Start one, with a screen process if `words` say "screens"; it is killed when the test is over."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(Path(__file__).with_name("worker_process.py")), str(world.folder), *words),
        env={**os.environ, MARK: world.mark},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(15):
            worker = Killable(process, int(await process.stdout.readline()))
        async with worker.http:
            yield worker
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_killed_in_mid_flood_nothing_is_lost_and_nothing_repeated(world: World) -> None:
    data = bytearray()
    async with killable(world) as worker:
        made = (await worker.http.post("/api/sessions", json={"command": FLOOD})).json()
        async with worker.view(made["uid"], "cursor=0&control=1") as viewer:
            await viewer.shows(b"ready")
            await viewer.send(b"\n")
            await eventually(lambda: len(viewer.data) > WRITTEN // 16)
            await worker.kill()
            await eventually(viewer.ended.is_set)
            data += viewer.data
    assert alive(made["pid"])
    assert len(data) < WRITTEN
    async with killable(world) as worker, worker.view(made["uid"], f"cursor={len(data)}&control=1") as viewer:
        await eventually(lambda: len(data) + len(viewer.data) == WRITTEN, within=15)
        assert viewer.words[0]["cursor"] == len(data)
        data += viewer.data
        assert data == FLOODED
        await viewer.send(b"alive")
        await viewer.shows(b"alive")
        assert not viewer.told("reset")
        summary = (await worker.http.get(of(made["uid"]))).json()
        assert (summary["status"], summary["pid"], summary["output_bytes"]) == ("running", made["pid"], WRITTEN + 5)
