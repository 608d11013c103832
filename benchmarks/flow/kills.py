"""Random kill -9 of the flow service under load: every event's activities are done, no success is recorded twice."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from typing import Any

import aiohttp

from benchmarks import budgets
from benchmarks.flow.notifying import Target, notifier, target
from benchmarks.terminal.report import Figure
from tests.support.eventually import eventually
from tests.support.stack import Stack

PAUSE = 0.02  # between notify calls


async def measure(stack: Stack, *, times: int) -> list[Figure]:
    """Kill it so often, at random moments."""
    dice = random.Random(11)  # noqa: S311 - the same moments each time
    sent = 0
    async with target() as receiver, notifier(stack, receiver, 2) as notify:
        for _ in range(times):
            until = time.perf_counter() + dice.uniform(0.5, 2.0)
            while time.perf_counter() < until:
                await notify(f"k{sent}")
                sent += 1
                await asyncio.sleep(PAUSE)
            pids = await eventually(stack.flow_pids, 20, what="a flow service to kill")
            os.kill(pids[0], signal.SIGKILL)
        last_kill = time.perf_counter()
        missing = await _caught_up(receiver, 2 * sent)
        took = time.perf_counter() - last_kill
        runs = await eventually(lambda: _settled(stack, sent), 30, what="every run is finished")
    successes = [_successes(activity) for run in runs for activity in run["activities"]]
    repeated = sum(count - 1 for count in receiver.times.values())
    marked = sum(
        attempt.get("interrupted", False) for run in runs for a in run["activities"] for attempt in a["attempts"]
    )
    name = f"{times} kills under load"
    return [
        Figure(f"{name}: activities lost", missing, "", None, budgets.FLOW_LOST),
        Figure(
            f"{name}: second successes recorded", sum(n - 1 for n in successes if n), "", None, budgets.FLOW_DOUBLED
        ),
        Figure(
            f"{name}: activities repeated beyond those in flight",
            max(0, repeated - marked),
            "",
            None,
            budgets.FLOW_LOST,
        ),
        Figure(f"{name}: caught up after the last", took, "s"),
    ]


async def _caught_up(receiver: Target, wanted: int) -> int:
    deadline = time.perf_counter() + 30
    while len(receiver.times) < wanted and time.perf_counter() < deadline:  # noqa: ASYNC110 - plain is enough
        await asyncio.sleep(0.05)
    return wanted - len(receiver.times)


async def _settled(stack: Stack, wanted: int) -> list[dict[str, Any]]:
    """All runs, whole, once so many have succeeded; nothing while there are fewer."""
    async with aiohttp.ClientSession(stack.url) as http:
        found: list[dict[str, Any]] = []
        before = ""
        while True:
            async with http.get(f"/api/flow/runs?status=succeeded&trigger_id=t&limit=1000{before}") as answer:
                if answer.status != 200:
                    return []
                page = await answer.json()
            found += page["runs"]
            if page["next_before"] is None:
                break
            before = f"&before={page['next_before']}"
        if len(found) < wanted:
            return []
        return [await (await http.get(f"/api/flow/runs/{run['id']}")).json() for run in found]


def _successes(activity: dict[str, Any]) -> int:
    return sum(attempt["error"] is None for attempt in activity["attempts"])
