"""What a flow led to carries the flow, until somebody else types."""

from __future__ import annotations

import pytest
from session_world import QUIET, Running, of
from test_notifying import agent, notify, told

from gestalt_contracts.channels import Stream
from gestalt_contracts.events import Cause
from gestalt_session.terminal.occupation import Occupation

pytestmark = pytest.mark.asyncio(loop_scope="module")
HEADER = {"X-Gestalt-Cause": '{"event_id": "e", "depth": 3}'}
CAUSE = Cause("e", 3)


async def test_a_cause_that_cannot_be_read_is_none(worker: Running) -> None:
    made = await agent(worker)
    for bad in ("", "{", '{"depth": 1}', '{"event_id": 5}'):
        headers = {"X-Gestalt-Cause": bad}
        assert (await worker.http.post(of(made["uid"], "input"), content=b"x", headers=headers)).status_code == 200
    assert worker.service.held(made["uid"]).file.cause is None


async def test_events_of_a_session_that_a_flow_started_carry_it_until_a_person_types(worker: Running) -> None:
    answer = await worker.http.post("/api/sessions", json={"command": QUIET}, headers=HEADER)
    assert answer.status_code == 201, answer.text
    uid = answer.json()["uid"]
    session = worker.service.held(uid)
    session.file.agent_id, session.file.agent_name = "coder", "Coder"
    assert (await notify(worker, uid, payload={"type": "work-start"})).status_code == 204
    assert told(worker.world, uid)[-1].cause == CAUSE
    assert (await worker.http.post(of(uid, "input"), content=b"x")).status_code == 200
    assert (await notify(worker, uid, payload={"type": "work-start"})).status_code == 204
    assert told(worker.world, uid)[-1].cause is None
    assert (await worker.http.post(of(uid, "input"), content=b"x", headers=HEADER)).status_code == 200
    assert (await worker.http.post(of(uid, "resize"), json={"cols": 90, "rows": 30})).status_code == 204
    assert (await notify(worker, uid, payload={"type": "work-start"})).status_code == 204
    assert told(worker.world, uid)[-1].cause == CAUSE
    assert all(event.cause in {None, CAUSE} for event in told(worker.world, uid, Stream.EVENTS))
    assert worker.service.held(uid).folder.load().cause == CAUSE


async def test_what_a_flow_says_by_notify_carries_the_flow_and_not_who_typed_before(worker: Running) -> None:
    """Or a flow that answers a notice with a notice would never be a loop."""
    made = await agent(worker)
    body = {"session_id": made["id"], "payload": {"type": "work-start"}}
    answer = await worker.http.post(of(made["id"], "notify"), json=body, headers=HEADER)
    assert answer.status_code == 204
    assert told(worker.world, made["uid"])[-1].cause == CAUSE
    assert worker.service.held(made["uid"]).file.cause is None


async def test_what_a_flow_types_begins_a_turn_that_outlives_its_worker(worker: Running) -> None:
    """Of an agent that tells when its turns are over; of all others nobody could know that they ended."""
    made = await agent(worker)
    session = worker.service.held(made["uid"])
    assert (await worker.http.post(of(made["uid"], "input"), content=b"x", headers=HEADER)).status_code == 200
    assert (session.occupation.now, session.folder.load().in_turn) == (None, True)
    assert (await notify(worker, made["uid"], payload={"type": "agent-turn-complete"})).status_code == 204
    assert (session.occupation.now, session.folder.load().in_turn) == (None, False)
    assert (await worker.http.post(of(made["uid"], "input"), content=b"x", headers=HEADER)).status_code == 200
    kept = session.folder.load()
    assert (session.occupation.now, kept.in_turn, kept.ends_turns) == ("turn", True, True)
    assert Occupation(kept, lambda: None).now == "turn"
    assert (await worker.http.post(of(made["uid"], "input"), content=b"x")).status_code == 200
    assert session.occupation.now == "turn"
