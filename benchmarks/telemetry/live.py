"""How soon a record is seen by everybody who follows, and that whoever comes back misses none."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp

from benchmarks import budgets
from benchmarks.telemetry.service import Service, quantile, running
from benchmarks.terminal.report import Figure
from gestalt_telemetry.severity import LEVELS

CLIENTS = 100
EVERY = 0.02
MS = 1_000
JSON = {"Content-Type": "application/json"}


async def post(service: Service, text: str) -> None:
    """One simple entry."""
    body = json.dumps({"body": text, "severity_text": LEVELS[1]})
    async with service.client.post("/api/otel/logs", data=body, headers=JSON) as answer:
        assert answer.status == 204


async def events(service: Service, after: str) -> AsyncIterator[tuple[str, str]]:
    """(id, body) of each record that comes after a place."""
    headers = {"Last-Event-ID": after}
    limits = aiohttp.ClientTimeout(total=None, sock_read=60)
    async with service.client.get("/api/logs/stream", headers=headers, timeout=limits) as stream:
        async for line in stream.content:
            if line.startswith(b"data: "):
                found = json.loads(line[6:])
                assert found.get("type") != "reset", found
                yield found["id"], found["body"]["stringValue"]


async def delay(folder: Path, records: int) -> AsyncIterator[Figure]:
    """From a record's acceptance to its arrival at each of 100 clients."""
    accepted: dict[str, float] = {}
    delays: list[float] = []
    async with running(folder / "live") as service:
        await post(service, "first")

        async def follow() -> None:
            seen = 0
            async for _, text in events(service, "1"):
                delays.append(time.perf_counter() - accepted[text])
                seen += 1
                if seen == records:
                    return

        async with asyncio.TaskGroup() as tasks:
            for _ in range(CLIENTS):
                tasks.create_task(follow())
            await asyncio.sleep(1)
            for number in range(records):
                accepted[str(number)] = time.perf_counter()
                await post(service, str(number))
                await asyncio.sleep(EVERY)
    yield Figure("a record in 100 streams, p95", quantile(delays, 0.95) * MS, "ms", budget=budgets.LIVE_DELAY)


async def disconnects(folder: Path, times: int) -> AsyncIterator[Figure]:
    """A client that is cut off at random moments while records come in: each once, in order."""
    chance = random.Random(7)  # noqa: S311 - no secret
    seen: list[str] = []
    last = "0"
    cuts = 0
    over = asyncio.Event()
    async with running(folder / "cuts") as service:
        await post(service, "0")

        async def write() -> None:
            number = 1
            while not over.is_set():
                await post(service, str(number))
                number += 1

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(write())
            while cuts < times:
                left = chance.randrange(1, 8)
                async for id_, text in events(service, last):
                    seen.append(text)
                    last, left = id_, left - 1
                    if left == 0:
                        break
                cuts += 1
            over.set()
    wrong = sum(text != str(place) for place, text in enumerate(seen))
    yield Figure(f"records lost or repeated over {times} disconnects", wrong, "", budget=budgets.RESUME_WRONG)
