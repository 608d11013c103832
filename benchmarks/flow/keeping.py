"""What finished runs take in Redis, and what is left when they are trimmed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from benchmarks import budgets
from benchmarks.terminal.report import Figure
from gestalt_contracts.channels import FlowNames
from gestalt_contracts.events import Event, now
from gestalt_contracts.redis_client import create_redis
from gestalt_flow.line_redis import Held, Line
from gestalt_flow.matching import Index
from gestalt_flow.model import Binding, Flow, Trigger
from gestalt_flow.planning import Plan, outcome_of, seen
from gestalt_flow.records import SUCCEEDED, ActivityRecord, Attempt
from gestalt_flow.runs_redis import Runs
from tests.support.stack import Stack

RUNS = 100_000
AT_ONCE = 200
NAMESPACE = "benchmark"
"""Keys of our own: the system's service is not to do them."""
FIELDS = {"notify.type": "work-start", "message": "x" * 100, "git_branch": "main", "plan_file": "plan.org"}


async def measure(stack: Stack, *, runs: int) -> list[Figure]:
    """Memory of so many runs, as for a hundred thousand; keys that are left after trimming."""
    client = create_redis(stack.redis_url(), name="benchmark")
    names = FlowNames(NAMESPACE)
    store, line = Runs(client, names), Line(client, client, names, "one")
    await line.open()
    before = await _used(client)
    for begin in range(0, runs, AT_ONCE):
        await _finish(store, line, [_plan(number) for number in range(begin, begin + AT_ONCE)])
    used = (await _used(client) - before) / runs * RUNS / 1e6
    while await store.trim(oldest=0, most=0):
        continue
    left = [key async for key in client.scan_iter(names.key("*"), count=1_000)]
    await client.delete(names.ready)
    await client.aclose()
    return [
        Figure(f"Redis, {RUNS} finished runs", used, "MB", None, budgets.FLOW_MEMORY),
        Figure("keys left after trimming, beside the empty line", len(left) - 1, "", None, budgets.FLOW_LOST),
    ]


INDEX = Index(
    [
        Flow(
            Trigger(id="tell-the-team", event_type="work-start", where={"session.id": "Coder"}),
            (
                Binding(
                    "post_webhook", {"url": "https://hooks.example.org/services/abc", "body_template": "{{message}}"}
                ),
            ),
        )
    ]
)


def _plan(number: int) -> Plan:
    data: dict[str, Any] = {**FIELDS, "notify.event_id": f"event-{number}", "session.id": f"Coder {number % 9}"}
    session = f"Coder {number % 9}"
    event = Event(type="work-start", topic="notify", occurred_at=now(), session_id=session, data=data, agent_id="coder")
    (plan,) = outcome_of(INDEX, seen(event, f"{1_700_000_000_000 + number}-0"), "0123456789abcdef").plans
    return plan


async def _finish(store: Runs, line: Line, plans: Sequence[Plan]) -> None:
    await asyncio.gather(*(store.create(plan, 1_700_000_000_000) for plan in plans))
    held = await line.take(len(plans))
    await asyncio.gather(*(_done(line, one) for one in held))


async def _done(line: Line, held: Held) -> None:
    begun = await line.start(held, 1_700_000_000_000)
    assert begun is not None
    record = ActivityRecord(
        activity_id=begun.record.activity_id,
        config=begun.record.config,
        rendered=begun.record.rendered,
        status=SUCCEEDED,
        attempts=(Attempt(1_700_000_000_000, 12, 200),),
    )
    assert await line.finish(held, "done", record, now=1_700_000_000_012) == SUCCEEDED


async def _used(client: Any) -> int:
    return int((await client.info("memory"))["used_memory"])
