"""Finding what is stored, idle and while more comes in, and what a record takes on disk."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks import budgets
from benchmarks.budgets import Budget
from benchmarks.telemetry.payload import BATCH, SESSIONS, Payloads
from benchmarks.telemetry.service import Service, quantile, running
from benchmarks.terminal.report import Figure
from gestalt_telemetry.store.intake import decoded
from gestalt_telemetry.store.keeper import Keeper, Limits
from gestalt_telemetry.store.segment import TEXT_GROUP
from gestalt_telemetry.store.wire import Write

MS = 1_000
RATE = 10_000  # records a second that come in beside the questions
HOURS = 24
LIMIT = 1 << 24

Question = Callable[[], Awaitable[float]]


def fill(folder: Path, records: int, payloads: Payloads) -> float:
    """Store so many records, spread over the last day; bytes on disk for each."""
    keeper = Keeper(folder / "telemetry", Limits(kept_bytes=1 << 40))
    now = time.time_ns()
    day = HOURS * 3_600 * 10**9
    batches = records // BATCH
    for number in range(batches):
        moment = now - day + day * number // batches
        found = decoded(Write(0, "logs", "protobuf", payloads.logs(moment), moment), LIMIT)
        keeper.active.begin()
        keeper.active.add(found.batches, moment // 10**6)
        keeper.active.commit()
        if keeper.active.texts_wait >= TEXT_GROUP:
            keeper.active.index_texts()
        if keeper.full():
            keeper.follow()
    keeper.close()
    size = sum(path.stat().st_size for path in (folder / "telemetry").glob("segment-*"))
    return size / (batches * BATCH)


async def measure(folder: Path, records: int, times: int) -> AsyncIterator[Figure]:
    """Each question `times` times, without and with ingest."""
    payloads = Payloads(4)
    place = folder / "finding"
    size = await asyncio.to_thread(fill, place, records, payloads)
    yield Figure(f"bytes of disk a record, of {records:,}", size, "B", budget=budgets.DISK_RECORD)
    async with running(place, GESTALT_TELEMETRY_SIZE=str(1 << 40)) as service:
        async for figure in _ask(service, payloads, times, ""):
            yield figure
        async with _ingest(service):
            async for figure in _ask(service, payloads, times, " during ingest"):
                yield figure


class _ingest:  # noqa: N801 - read as a verb
    """RATE records a second come in."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._task: asyncio.Task[None]

    async def __aenter__(self) -> None:
        self._task = asyncio.create_task(self._send())

    async def __aexit__(self, *exc: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _send(self) -> None:
        bodies = [Payloads(5).logs() for _ in range(20)]
        number, due = 0, time.perf_counter()
        while True:
            await self._service.post("logs", bodies[number % 20])
            number, due = number + 1, due + BATCH / RATE
            await asyncio.sleep(max(0.0, due - time.perf_counter()))


async def _ask(service: Service, payloads: Payloads, times: int, when: str) -> AsyncIterator[Figure]:
    for name, budget, ask in _questions(service, payloads):
        await ask()
        waits = [await ask() for _ in range(times)]
        yield Figure(f"{name}, p95{when}", quantile(waits, 0.95) * MS, "ms", budget=budget)


def _questions(service: Service, payloads: Payloads) -> list[tuple[str, Budget, Question]]:
    chance = random.Random(6)  # noqa: S311 - no secret
    logs = "/api/otel/logs"

    def hour() -> dict[str, str]:
        begin = datetime.now(UTC) - timedelta(hours=chance.uniform(1, HOURS))
        return {"since": _written(begin), "until": _written(begin + timedelta(hours=1))}

    def session() -> str:
        return f"Coder {chance.randrange(SESSIONS)}"

    return [
        ("level in a window", budgets.FIND_LEVEL, lambda: service.get(logs, level="warning", **hour())),
        ("a session's newest", budgets.FIND_SESSION, lambda: service.get(logs, session_id=session())),
        ("a trace", budgets.FIND_TRACE, lambda: service.get(logs, trace_id=chance.choice(payloads.traces).hex())),
        ("a rare text", budgets.FIND_RARE, lambda: service.get(logs, query=chance.choice(payloads.rare))),
        ("a frequent text", budgets.FIND_FREQUENT, lambda: service.get(logs, query="journal")),
        ("no such text", budgets.FIND_RARE, lambda: service.get(logs, query="journal zzz lease")),
        ("the histogram of a day", budgets.FIND_HISTOGRAM, lambda: service.get(f"{logs}/histogram")),
    ]  # fmt: skip


def _written(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
