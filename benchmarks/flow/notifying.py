"""From a notify call to its webhook: how long, and whether none is lost or doubled when many come."""

from __future__ import annotations

import asyncio
import itertools
import statistics
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web

from benchmarks import budgets
from benchmarks.terminal.report import Figure
from tests.support.eventually import eventually
from tests.support.stack import Stack

AGENT = 'name = "Quiet"\nshell = "sleep 600"\nsingleton = false\n'
AGENTS = 20
"""Sessions that tell events in turn: hooks of one session are taken one after the other."""
ALLOW = {"GESTALT_WEBHOOK_ALLOW": "127.0.0.1"}
RATE = 500
WARM = 20


class Target:
    """Receives webhooks: when each came, by its key."""

    def __init__(self) -> None:
        self.came: dict[str, float] = {}
        self.times: Counter[str] = Counter()
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        """One webhook."""
        key = request.headers["Idempotency-Key"]
        self.came[key] = time.perf_counter()
        self.times[key] += 1
        await request.read()
        return web.Response()


@asynccontextmanager
async def target() -> AsyncIterator[Target]:
    """A running one."""
    receiver = Target()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", receiver.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield receiver
    finally:
        await runner.cleanup()


Notify = Callable[[str], Awaitable[float]]


@asynccontextmanager
async def notifier(stack: Stack, receiver: Target, activities: int) -> AsyncIterator[Notify]:
    """Calls notify with an event id; seconds until the answer. The flow has as many activities as it is told."""
    agents = stack.workspace / ".gestalt" / "config" / "agents"
    agents.mkdir(parents=True, exist_ok=True)
    (agents / "quiet.toml").write_text(AGENT)
    async with aiohttp.ClientSession(stack.url, connector=aiohttp.TCPConnector(limit=0)) as http:
        await eventually(lambda: _configured(http, receiver.url, activities), 20, what="the flows are saved")
        sessions = itertools.cycle([await _agent(http) for _ in range(AGENTS)])

        async def notify(event_id: str) -> float:
            uid, payload = next(sessions), {"type": "work-start", "n": event_id}
            body = {"session_id": uid, "event_id": event_id, "payload": payload}
            begun = time.perf_counter()
            async with http.post(f"/api/sessions/{uid}/notify", json=body) as answer:
                assert answer.status == 204, await answer.text()
            return time.perf_counter() - begun

        yield notify


async def _agent(http: aiohttp.ClientSession) -> str:
    async with http.post("/api/sessions", json={"agent": "quiet"}) as answer:
        return str((await answer.json())["uid"])


async def _configured(http: aiohttp.ClientSession, url: str, activities: int) -> bool:
    bound: list[dict[str, Any]] = [{"activity_id": "post_webhook", "config": {"url": url}}]
    bound.append({"activity_id": "http_request", "config": {"url": url, "method": "PUT"}})
    flows = {
        "triggers": [{"id": "t", "event_type": "work-start"}],
        "bindings_by_trigger_id": {"t": bound[:activities]},
    }
    async with http.put("/api/flow/config", json=flows) as answer:
        return answer.status == 200


async def latency(stack: Stack, *, samples: int) -> list[Figure]:
    """One at a time."""
    delays = []
    async with target() as receiver, notifier(stack, receiver, 1) as notify:
        for number in range(samples + WARM):
            key = f"e{number}/t/post_webhook"
            begun = time.perf_counter()
            await notify(f"e{number}")
            while key not in receiver.came:  # noqa: ASYNC110 - the loop must be free to take the webhook
                await asyncio.sleep(0.0002)
            delays.append(receiver.came[key] - begun)
            await asyncio.sleep(0.005)
    return [
        Figure("notify → webhook, p50", _quantile(delays[WARM:], 0.5), "ms", None, budgets.FLOW_P50),
        Figure("notify → webhook, p99", _quantile(delays[WARM:], 0.99), "ms", None, budgets.FLOW_P99),
    ]


async def sustained(stack: Stack, *, seconds: float) -> list[Figure]:
    """At a fixed rate, however long each takes."""
    async with target() as receiver, notifier(stack, receiver, 2) as notify:
        calls: list[asyncio.Task[float]] = []
        begun = time.perf_counter()
        while (elapsed := time.perf_counter() - begun) < seconds:
            due = range(len(calls), int(elapsed * RATE))
            calls += [asyncio.create_task(notify(f"s{number}")) for number in due]
            await asyncio.sleep(0.002)
        answers = await asyncio.gather(*calls)
        wanted = 2 * len(calls)
        deadline = time.perf_counter() + 60
        while len(receiver.times) < wanted and time.perf_counter() < deadline:  # noqa: ASYNC110 - plain is enough
            await asyncio.sleep(0.1)
        behind = time.perf_counter() - begun - seconds
        await asyncio.sleep(1)  # whatever comes twice has come by now
        doubled = sum(count - 1 for count in receiver.times.values())
        name = f"{RATE} notify/s for {seconds:g} s, two activities"
        return [
            Figure(f"{name}: notify p50", _quantile(answers, 0.5), "ms", None, budgets.FLOW_NOTIFY),
            Figure(f"{name}: notify p99", _quantile(answers, 0.99), "ms"),
            Figure(f"{name}: calls", len(calls), ""),
            Figure(f"{name}: the last activity came later by", behind, "s"),
            Figure(f"{name}: lost", wanted - len(receiver.times), "", None, budgets.FLOW_LOST),
            Figure(f"{name}: doubled", doubled, "", None, budgets.FLOW_DOUBLED),
        ]


def _quantile(values: list[float], share: float) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[round(share * 100) - 1] * 1_000
