"""What is kept of doings in Redis, and for how long."""

from __future__ import annotations

from pathlib import Path

from redis.asyncio import Redis

from gestalt_contracts.channels import FlowNames
from gestalt_contracts.events import Event, now
from gestalt_flow.clock import now_ms
from gestalt_flow.doings import LONGEST_MS, Doing
from gestalt_flow.doings_redis import Doings
from gestalt_flow.intake_redis import Arrived

CHANGE = Event(type="file-change", topic="file", occurred_at=now(), data={"path": "/elsewhere"})


async def test_one_that_is_long_over_is_forgotten_and_one_that_was_set_to_work_anew_is_not(
    client: Redis, tmp_path: Path
) -> None:
    names = FlowNames()
    doings = Doings(client, names, tmp_path)
    over = Doing("/w", 0, now_ms() - LONGEST_MS, uid="u")
    await doings._put("over", over)
    await doings._put("working", Doing("/w", now_ms(), uid="v"))

    await doings._change("working", b"what another replica has seen", None)
    assert await client.hlen(names.doings) == 2
    await doings.explained([Arrived("1-0", "1-0", CHANGE)])

    assert await client.hkeys(names.doings) == [b"working"]
