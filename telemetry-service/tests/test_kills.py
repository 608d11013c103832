"""kill -9 of service and writer while records come in: what was answered with 200 is there, once."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from telemetry_world import PROTOBUF, TOKEN, eventually, export

pytestmark = pytest.mark.asyncio(loop_scope="module")
CLIENTS = 4


class Service:
    """The service as a process, started again by who needs it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.process: asyncio.subprocess.Process
        self.url = ""

    async def start(self, largest_file: int = resource.RLIM_INFINITY) -> None:
        variables = {"GESTALT_INTERNAL_TOKEN": TOKEN, "GESTALT_DATA_DIR": str(self._folder), "PATH": os.environ["PATH"]}
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-B", "-P", "-m", "gestalt_telemetry",  # no bytecode: cut off at the limit, it stays broken
            env={**variables, "REDIS_URL": "redis://127.0.0.1:1", "GESTALT_TELEMETRY_SEGMENT_RECORDS": "3000"},
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, resource.RLIM_INFINITY)),
        )  # fmt: skip
        assert self.process.stdout is not None
        async with asyncio.timeout(20):
            line = await self.process.stdout.readline()
        self.url = line.decode().removeprefix("ready ").strip()

    def writer_pid(self) -> int | None:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(children[0]) if children else None

    async def stop(self) -> int:
        self.process.terminate()
        async with asyncio.timeout(5):
            return await self.process.wait()

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=self.url, headers={"Authorization": f"Bearer {TOKEN}"}, trust_env=False, timeout=10
        )


@asynccontextmanager
async def service(folder: Path, **limits: int) -> AsyncIterator[Service]:
    made = Service(folder)
    await made.start(**limits)
    try:
        yield made
    finally:
        if made.process.returncode is None:
            made.process.kill()
        await made.process.communicate()


async def post_until(over: asyncio.Event, service: Service, name: str, acknowledged: list[str]) -> None:
    """Batches of ten; those answered with 200 are noted, none is sent twice."""
    number = 0
    while not over.is_set():
        url = service.url
        async with service.client() as client:
            while not over.is_set() and service.url == url:
                batch = [f"{name}/{one}" for one in range(number, number + 10)]
                number += 10
                try:
                    answer = await client.post("/v1/logs", content=export(*batch), headers={"content-type": PROTOBUF})
                except httpx.TransportError:
                    await asyncio.sleep(0.02)
                    continue
                if answer.status_code == 200:
                    acknowledged += batch
                else:
                    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
                    await asyncio.sleep(0.02)


async def more(acknowledged: list[str], count: int) -> None:
    """Wait until so many more were acknowledged."""
    goal = len(acknowledged) + count
    await eventually(lambda: len(acknowledged) >= goal, 20)


@pytest.mark.parametrize("victim", ["writer", "service"])
@pytest.mark.parametrize("kills", [2, pytest.param(10, marks=pytest.mark.slow)])
async def test_kills_lose_and_repeat_nothing(tmp_path: Path, victim: str, kills: int) -> None:
    over, acknowledged = asyncio.Event(), list[str]()
    async with service(tmp_path) as running, asyncio.TaskGroup() as tasks:
        for client in range(CLIENTS):
            tasks.create_task(post_until(over, running, str(client), acknowledged))
        for _ in range(kills):
            await more(acknowledged, 400)
            if victim == "writer":
                pid = running.writer_pid()
                assert pid is not None
                os.kill(pid, signal.SIGKILL)
            else:
                running.process.kill()
                await running.process.communicate()
                await running.start()
        await more(acknowledged, 400)
        over.set()
    async with service(tmp_path) as again:
        async with again.client() as client:
            found = await everything(client)
        assert await again.stop() == 0
    assert len(found) == len(set(found))
    assert set(acknowledged) <= set(found)
    for path in (tmp_path / "telemetry").glob("segment-*.db"):
        connection = sqlite3.connect(path)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        connection.close()
    assert not (tmp_path / "telemetry" / "damaged").exists()


async def everything(client: httpx.AsyncClient) -> list[str]:
    found: list[str] = []
    before: dict[str, str] = {}
    while page := (await client.get("/api/otel/logs", params={"limit": "1000", **before})).json():
        found += [one["body"]["stringValue"] for one in page]
        before = {"before": page[0]["id"]}
    return found


async def test_a_killed_writer_is_back_within_a_second(tmp_path: Path) -> None:
    async with service(tmp_path) as running, running.client() as client:
        pid = running.writer_pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        begun = asyncio.get_running_loop().time()

        async def taken() -> bool:
            return (await client.post("/api/otel/logs", json={"body": "x"})).status_code == 204

        await eventually(taken)
        assert asyncio.get_running_loop().time() - begun < 1.5


async def test_the_writer_ends_with_its_service(tmp_path: Path) -> None:
    async with service(tmp_path) as running:
        pid = running.writer_pid()
        assert pid is not None
        running.process.kill()
        await running.process.wait()
        await eventually(lambda: not alive(pid))


def alive(pid: int) -> bool:
    """Whether it runs; one that nobody has waited for does not."""
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().split()[2] != "Z"


async def test_a_full_disk_refuses_what_it_cannot_keep_and_takes_more_when_there_is_room(tmp_path: Path) -> None:
    """A bound on file sizes stands for the disk: to SQLite both are a write that fails."""
    acknowledged: list[str] = []
    async with service(tmp_path, largest_file=400_000) as full, full.client() as client:
        for number in range(20):
            batch = [f"{number} {place} {'x' * 200}" for place in range(100)]
            answer = await client.post("/v1/logs", content=export(*batch), headers={"content-type": PROTOBUF})
            assert answer.status_code in {200, 503}
            acknowledged += batch if answer.status_code == 200 else []
        assert answer.status_code == 503
        assert sorted(await everything(client)) == sorted(acknowledged)
        assert await full.stop() == 0
    async with service(tmp_path) as again, again.client() as client:
        answer = await client.post("/v1/logs", content=export("room"), headers={"content-type": PROTOBUF})
        assert answer.status_code == 200
        assert sorted(await everything(client)) == sorted([*acknowledged, "room"])
