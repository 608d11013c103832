"""What comes in: records a second, what they cost, how long retention holds them up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

from benchmarks import budgets
from benchmarks.telemetry import clocked
from benchmarks.telemetry.payload import BATCH, Payloads
from benchmarks.telemetry.service import Service, quantile, running
from benchmarks.terminal.report import Figure

CLIENTS = 8
PREPARED = 60
BETWEEN = 0.01
MS = 1_000


async def measure(folder: Path, seconds: float) -> AsyncIterator[Figure]:
    """Logs, then spans, each for so long."""
    payloads = Payloads()
    floods = {
        "logs": [payloads.logs() for _ in range(PREPARED)],
        "traces": [payloads.spans() for _ in range(PREPARED)],
    }
    moments: list[float] = []
    clock = folder / "lags"
    async with running(folder / "ingest", clock=clock) as service:
        for signal, bodies in floods.items():
            moments.append(time.monotonic())
            async for figure in _flood(service, signal, bodies, seconds):
                yield figure
            moments.append(time.monotonic())
            yield Figure(f"memory after {signal}", service.memory(), "MB", budget=budgets.TELEMETRY_MEMORY)
    for place, signal in enumerate(floods):
        turns = clocked.read(clock, *moments[2 * place : 2 * place + 2])
        late, busy = (quantile(found, 0.99) * MS for found in ([t.late for t in turns], [t.busy for t in turns]))
        yield Figure(f"{signal}: loop lag p99 meanwhile", late, "ms", budget=budgets.INGEST_LAG)
        yield Figure(f"{signal}: CPU of a turn of the loop p99", busy, "ms", budget=budgets.INGEST_LAG)


async def _flood(service: Service, signal: str, bodies: list[bytes], seconds: float) -> AsyncIterator[Figure]:
    over = asyncio.Event()
    sent = 0

    async def send(first: int) -> None:
        nonlocal sent
        place = first
        while not over.is_set():
            await service.post(signal, bodies[place % len(bodies)])
            sent += BATCH
            place += CLIENTS

    begun, used = time.perf_counter(), service.writer_seconds()
    async with asyncio.TaskGroup() as tasks:
        for first in range(CLIENTS):
            tasks.create_task(send(first))
        await asyncio.sleep(seconds)
        over.set()
    rate = sent / (time.perf_counter() - begun)
    used = service.writer_seconds() - used
    budget = budgets.INGEST_LOGS if signal == "logs" else budgets.INGEST_SPANS
    yield Figure(f"{signal}: records a second", rate, "/s", budget=budget)
    yield Figure(f"{signal}: records a CPU second of the writer", sent / used, "/s", budget=budget)


async def retention(folder: Path, batches: int) -> AsyncIterator[Figure]:
    """Write far more than is kept: how long a small request ever waits, and what is left on disk."""
    bodies = [Payloads(2).logs() for _ in range(20)]
    kept = 48 * 1024 * 1024
    settings = {"GESTALT_TELEMETRY_SIZE": str(kept), "GESTALT_TELEMETRY_SEGMENT_RECORDS": "20000"}
    waits: list[float] = []
    small = Payloads(3)
    async with running(folder / "retention", **settings) as service:
        for number in range(batches):
            await service.post("logs", bodies[number % len(bodies)])
            if number % 2:
                waits.append(await service.post("traces", b""))
            await asyncio.sleep(BETWEEN)
        await service.post("logs", small.logs())
        await asyncio.sleep(3)
        left = sum(path.stat().st_size for path in (folder / "retention" / "telemetry").iterdir() if path.is_file())
    yield Figure(
        "longest wait of a small request over retention", max(waits) * MS, "ms", budget=budgets.RETENTION_STALL
    )
    yield Figure("bytes left, of those that may be", left / kept, "", budget=budgets.RETENTION_BYTES)
