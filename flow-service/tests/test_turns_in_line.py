"""The line of activities: whose turn it is."""

from __future__ import annotations

from redis.asyncio import Redis

from gestalt_contracts.channels import FlowNames
from gestalt_contracts.events import Event, now
from gestalt_flow.executor import interrupted
from gestalt_flow.line_redis import Held, Line
from gestalt_flow.matching import Index
from gestalt_flow.model import Binding, Flow, Trigger
from gestalt_flow.planning import outcome_of, seen
from gestalt_flow.records import SUCCEEDED
from gestalt_flow.runs_redis import Runs

MOMENT = 1_700_000_000_000


async def queued(client: Redis, when_busy: str, count: int) -> Line:
    """A line with so many messages for one session."""
    names = FlowNames()
    config = {"target_session_id": "Coder 1", "message_template": "m", "when_busy": when_busy}
    index = Index([Flow(Trigger(id="t", event_type="x", where={}), (Binding("send_to_terminal", config),))])
    line = Line(client, client, names, "one")
    await line.open()
    event = Event(type="x", topic="file", occurred_at=now(), data={})
    for number in range(count):
        (plan,) = outcome_of(index, seen(event, f"{MOMENT + number}-0"), "r").plans
        await Runs(client, names).create(plan, MOMENT)
    return line


async def ended(line: Line, held: Held, outcome: str, due: int = 0) -> str | None:
    begun = await line.start(held, MOMENT)
    assert begun is not None
    return await line.finish(held, outcome, begun.record, now=MOMENT, due=due)


async def test_a_retry_gives_up_its_place_for_its_session(client: Redis) -> None:
    line = await queued(client, "send", 2)
    (first,) = await line.take(10)
    assert await ended(line, first, "again", due=MOMENT + 1) == ""
    (second,) = await line.take(10)
    assert second.run_id > first.run_id


async def test_every_death_over_an_activity_is_written_down(client: Redis) -> None:
    """Also of the second replica in a row: what it knew of the first died with it."""
    line = await queued(client, "send", 1)
    (held,) = await line.take(10)
    for number in range(3):
        begun = await line.start(held, MOMENT + number)
        assert begun is not None
    record = interrupted(begun)
    assert [attempt.started_at for attempt in record.attempts] == [MOMENT, MOMENT + 1]
    assert await line.keep(held, record)
    again = await line.start(held, MOMENT + 3)
    assert again is not None
    assert [attempt.started_at for attempt in interrupted(again).attempts] == [MOMENT, MOMENT + 1, MOMENT + 2]


async def test_what_waits_for_a_session_to_be_free_keeps_its_place(client: Redis) -> None:
    line = await queued(client, "queue", 3)
    (first,) = await line.take(10)
    assert await ended(line, first, "wait", due=MOMENT + 1) == ""
    assert await line.due(MOMENT) == ([], MOMENT + 1)
    await line.due(MOMENT + 1)
    (again,) = await line.take(10)
    assert again.job == first.job
    assert await ended(line, again, "done") == SUCCEEDED
    (second,) = await line.take(10)
    assert second.run_id > first.run_id
