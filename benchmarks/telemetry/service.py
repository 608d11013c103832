"""The service as a process of its own, and what it costs."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import psutil

TOKEN = "benchmark"  # noqa: S105 - of a service that lives for seconds
HEADERS = {"Authorization": f"Bearer {TOKEN}"}
PROTOBUF = {"Content-Type": "application/x-protobuf"}
MB = 1_000_000


class Service:
    """A running service and a client of it."""

    def __init__(self, process: asyncio.subprocess.Process, client: aiohttp.ClientSession) -> None:
        self._process = process
        self.client = client

    async def post(self, signal: str, body: bytes) -> float:
        """Send one request; the seconds until it was answered for."""
        begun = time.perf_counter()
        while True:
            async with self.client.post(f"/v1/{signal}", data=body, headers=PROTOBUF) as answer:
                await answer.read()
                if answer.status == 200:
                    return time.perf_counter() - begun
                assert answer.status in {429, 503}, answer.status
            await asyncio.sleep(0.05)

    async def get(self, path: str, **query: str) -> float:
        """Ask; the seconds until the whole answer was there."""
        begun = time.perf_counter()
        async with self.client.get(path, params=query) as answer:
            await answer.read()
            assert answer.status == 200, answer.status
        return time.perf_counter() - begun

    def writer_seconds(self) -> float:
        """CPU seconds that the writer has used: unlike a rate they do not depend on what else runs here."""
        (writer,) = psutil.Process(self._process.pid).children()
        times = writer.cpu_times()
        return times.user + times.system

    def memory(self) -> float:
        """Of service and writer, MB; pages that both map count half."""
        process = psutil.Process(self._process.pid)
        found = [process, *process.children()]
        return sum(one.memory_full_info().pss for one in found) / MB


@asynccontextmanager
async def running(folder: Path, *, clock: Path | None = None, **settings: str) -> AsyncIterator[Service]:
    """A service on `folder`, without a Redis: nothing here needs one. `clock`: where it writes how its loop was."""
    plain = ("-P", "-m", "gestalt_telemetry")
    program = plain if clock is None else ("-m", "benchmarks.telemetry.clocked", str(clock))
    variables = {"GESTALT_INTERNAL_TOKEN": TOKEN, "GESTALT_DATA_DIR": str(folder), "REDIS_URL": "redis://127.0.0.1:1"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *program),
        env={"PATH": os.environ["PATH"], **variables, **settings},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        url = (await process.stdout.readline()).decode().removeprefix("ready ").strip()
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(url, headers=HEADERS, connector=connector) as client:
            yield Service(process, client)
    finally:
        process.terminate()
        await process.wait()


async def beside(work: Callable[[asyncio.Event], Awaitable[None]], measured: Awaitable[None]) -> None:
    """Do `work` as long as `measured` lasts."""
    over = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_until(work, over))
        try:
            await measured
        finally:
            over.set()


async def _until(work: Callable[[asyncio.Event], Awaitable[None]], over: asyncio.Event) -> None:
    await work(over)


def quantile(values: list[float], share: float) -> float:
    """The value that so much of them are not above."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
