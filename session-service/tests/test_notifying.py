"""Hooks of agents through the API: published once, durably, and progress that outlives the worker."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from session_world import QUIET, Running, World, of, refused
from waiting import eventually

from gestalt_contracts.channels import Stream
from gestalt_contracts.events import Event

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def agent(worker: Running, **more: Any) -> dict[str, Any]:
    """A session that counts as an agent's."""
    made = await worker.create(QUIET, title="Coder", **more)
    session = worker.service.held(made["uid"])
    session.file.agent_id, session.file.agent_name = "coder", "Coder"
    session.folder.save(session.file)
    return made


def told(world: World, uid: str, stream: Stream = Stream.NOTIFICATIONS) -> list[Event]:
    """What was published there of a session."""
    return [entry.event for entry in world.bus._streams[stream]._entries if entry.event.session_uid == uid]


async def notify(worker: Running, ref: str, *, headers: dict[str, str] | None = None, **body: Any) -> Any:
    return await worker.http.post(of(ref, "notify"), json={"session_id": ref, **body}, headers=headers)


@pytest.mark.parametrize("kind", ["progress", " plan-update "])
async def test_progress_without_a_plan_is_refused_last(worker: Running, kind: str) -> None:
    made = await agent(worker)
    answer = await notify(worker, made["uid"], payload={"type": kind, "l1": "x"})
    refused(answer, 422, "missing plan_file")
    assert await worker.get(of(made["uid"], "progress")) == {"has_progress": False}
    assert told(worker.world, made["uid"]) == []


async def test_a_bus_that_is_away_is_told_and_nothing_is_noted(worker: Running) -> None:
    made = await agent(worker)
    worker.world.bus.away = True
    body = {"payload": {"type": "progress", "plan_file": "p.org"}, "event_id": "e"}
    refused(await notify(worker, made["uid"], **body), 503, "notification sink unavailable")
    assert await worker.get(of(made["uid"], "progress")) == {"has_progress": False}
    worker.world.bus.away = False
    assert (await notify(worker, made["uid"], **body)).status_code == 204
    assert len(told(worker.world, made["uid"])) == 1


async def test_a_call_is_one_notification_and_one_event_for_flows(worker: Running) -> None:
    made = await agent(worker)
    answer = await notify(
        worker, made["id"], payload={"type": "Whatever", "x": 1}, occurred_at="2026-03-01T10:00:00+01:00", raw="ignored"
    )
    assert (answer.status_code, answer.content) == (204, b"")
    (event,) = told(worker.world, made["uid"])
    assert (event.type, event.topic, event.session_id, event.session_uid, event.agent_id) == (
        "agent-turn-complete", "notify", made["id"], made["uid"], "coder",
    )  # fmt: skip
    assert event.data["notify.type"] == "Whatever"
    assert event.data["timestamp"] == "2026-03-01T09:00:00Z"
    queued = [entry.event for entry in worker.world.bus.intake if entry.event.topic == "notify"]
    assert [queued_event for queued_event in queued if queued_event.session_uid == made["uid"]] == [event]


@pytest.mark.parametrize("event_id", ["e1", "e" * 1000, "unreachable/1", "é 中"])
async def test_the_same_event_id_of_the_same_session_does_nothing_again(worker: Running, event_id: str) -> None:
    one, other = await agent(worker), await agent(worker)
    for level in (1, 2):
        payload = {"type": "progress", "plan_file": "p.org", "task_level": level}
        answers = await asyncio.gather(
            *(notify(worker, one["uid"], payload=payload, event_id=event_id) for _ in range(5))
        )
        assert {answer.status_code for answer in answers} == {204}
    assert len(told(worker.world, one["uid"])) == 1
    assert (await worker.get(of(one["uid"], "progress")))["task_level"] == 1
    await notify(worker, other["uid"], payload={"type": "t"}, event_id=event_id)
    assert len(told(worker.world, other["uid"])) == 1


async def test_the_same_idempotency_key_answers_as_the_first_did(worker: Running) -> None:
    made = await agent(worker)
    for replayed in (None, "true"):
        answer = await notify(worker, made["uid"], payload={"type": "t"}, headers={"Idempotency-Key": "k"})
        assert (answer.status_code, answer.headers.get("idempotency-replayed")) == (204, replayed)
    other = await notify(worker, made["uid"], payload={"type": "u"}, headers={"Idempotency-Key": "k"})
    assert other.status_code == 409
    assert len(told(worker.world, made["uid"])) == 1


async def test_progress_is_replaced_whole_told_to_terminals_and_kept(world: World) -> None:
    worker = await world.start(slot=0)
    made = await agent(worker)
    first = {"type": "progress", "plan-file": "plans/p.org", "l1": "* TODO [#A] One", "task-level": 1}
    await notify(worker, made["uid"], payload=first, occurred_at="2026-03-01T10:00:00Z")
    second = {"type": "plan-update", "plan_file": "q.org", "l2": "** WIP Two"}
    await notify(worker, made["uid"], payload=second, occurred_at="2026-03-01T09:00:00Z")
    shown = {"has_progress": True, "plan_file": "q.org", "l2": "Two", "updated_at": "2026-03-01T09:00:00Z"}
    assert await worker.get(of(made["uid"], "progress")) == shown

    def updates() -> list[Event]:
        return [event for event in told(world, made["uid"], Stream.EVENTS) if event.type == "plan-update"]

    await eventually(lambda: len(updates()) == 2)
    assert updates()[0].data == {
        "plan_file": "p.org", "l1": "One", "l2": "", "task_level": 1, "task_state": "",
        "timestamp": "2026-03-01T10:00:00Z",
    }  # fmt: skip
    matched = [entry.event for entry in world.bus.intake if entry.event.type == "plan-update"]
    assert [event.topic for event in matched] == ["notify", "notify"]
    assert matched[0].data["notify.plan_file"] == "p.org"
    await worker.stop()
    again = await world.start(slot=0)
    assert await again.get(of(made["uid"], "progress")) == shown


async def test_a_prompt_says_where_the_work_stands(worker: Running) -> None:
    made = await agent(worker)
    await notify(worker, made["uid"], payload={"type": "progress", "plan_file": "p.org"})
    await notify(worker, made["uid"], payload={"type": "prompt-text", "message": "go"})
    await notify(worker, made["uid"], payload={"type": "prompt-voice", "plan-file": "", "git_branch": "mine"})
    text, voice = told(worker.world, made["uid"])[1:]
    assert (text.data["plan_file"], text.data["message"]) == ("p.org", "go")
    assert voice.data["git_branch"] == "mine"
    assert "plan_file" not in voice.data
