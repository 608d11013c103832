"""From an event to what is done about it, by real replicas."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import timedelta
from typing import Any

from eventually import eventually
from flow_process import Publish, Start
from receiver import Receiver
from redis.asyncio import Redis

from gestalt_contracts.bus import Bus, Entry
from gestalt_contracts.channels import FlowNames, Names, Stream
from gestalt_contracts.events import now
from gestalt_contracts.idempotency import key_of
from gestalt_flow.records import RUNNING
from gestalt_flow.revisions_redis import Revisions


def hook(url: str, trigger_id: str = "t", *, config: dict[str, Any] | None = None, **trigger: Any) -> dict[str, Any]:
    return {
        "triggers": [{"id": trigger_id, "event_type": "file-change", **trigger}],
        "bindings_by_trigger_id": {
            trigger_id: [{"activity_id": "post_webhook", "config": {"url": url, **(config or {})}}]
        },
    }


async def runs(one: Any, **query: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await one.get("/api/flow/runs", **query))["runs"]
    return found


async def finished(one: Any, count: int = 1) -> list[dict[str, Any]]:
    async def look() -> list[dict[str, Any]]:
        found = [run for run in await runs(one) if run["status"] in {"succeeded", "failed"}]
        return found if len(found) >= count else []

    found: list[dict[str, Any]] = await eventually(look, 15, "the runs are finished")
    return found


async def whole(one: Any, run: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = await one.get(f"/api/flow/runs/{run['id']}")
    return found


async def test_an_event_reaches_its_webhook_and_the_history_says_why(
    replica: Start, receiver: Receiver, publish: Publish
) -> None:
    one = await replica(GESTALT_SECRET_HOOK="s3cret")
    config = {"headers_json": '{"X-Key": "${secret:HOOK}"}', "signing_secret": "${secret:HOOK}"}
    await one.put(hook(receiver.url + "/in", where={"path": "/a"}, config=config))
    await publish(path="/b", op="WRITE")
    await publish(path="/a", op="WRITE")
    (run,) = await finished(one)
    (came,) = receiver.came
    event_id = run["event_id"]
    assert came["path"] == "/in"
    assert came["headers"]["X-Key"] == "s3cret"
    assert came["headers"]["Idempotency-Key"] == f"{event_id}/t/post_webhook"
    assert came["headers"]["X-Gestalt-Signature"].startswith("sha256=")
    body = json.loads(came["body"])
    assert (body["trigger_id"], body["event"]["path"]) == ("t", "/a")
    told = await whole(one, run)
    assert told["conditions"][1] == {"field": "path", "op": "where", "expected": "/a", "actual": "/a", "matched": True}
    assert told["activities"][0]["attempts"][0]["status_code"] == 200
    assert "s3cret" not in json.dumps(told) + json.dumps(await one.get("/api/flow/config"))
    (missed,) = await runs(one, matched="false")
    assert missed["conditions"][1]["actual"] == "/b"
    assert (await whole(one, missed))["event"]["path"] == "/b"
    trial = await one.api.post("/api/flow/test", json={"event_id": event_id})
    (tried,) = trial.json()["triggers"]
    assert tried["matched"]
    assert tried["activities"][0]["activity_id"] == "post_webhook"
    assert len(receiver.came) == 1


async def test_event_text_in_a_json_body_is_escaped_by_itself(
    replica: Start, receiver: Receiver, publish: Publish
) -> None:
    one = await replica()
    await one.put(hook(receiver.url, config={"body_template": '{"text": "{{path}}", "lines": {{lines}} }'}))
    await publish(path='/a", "admin": "\n', lines=3)
    (run,) = await finished(one)
    (came,) = receiver.came
    assert json.loads(came["body"]) == {"text": '/a", "admin": "\n', "lines": 3}
    (activity,) = (await whole(one, run))["activities"]
    assert activity["rendered"]["body_template"] == came["body"].decode()


async def test_why_not_is_said_by_the_flows_of_that_time(
    replica: Start, receiver: Receiver, publish: Publish, client: Redis
) -> None:
    one = await replica()
    first = await one.put(hook(receiver.url, where={"path": "/a"}))
    await publish(path="/b")

    async def noted() -> bool:
        return bool(await runs(one, matched="false"))

    await eventually(noted)
    await one.put(hook(receiver.url, "other", where={"path": "/c"}))
    other = await replica()
    for asked in (one, other):
        (missed,) = await runs(asked, matched="false")
        assert (missed["trigger_id"], missed["revision"]) == ("t", first["revision"])
        assert (await whole(asked, missed))["conditions"][1]["expected"] == "/a"
    await one.put({})
    assert [missed["trigger_id"] for missed in await runs(other, matched="false")] == ["t"]
    revisions = Revisions(client, FlowNames())
    await revisions.trim(oldest=0)
    assert await revisions.index(first["revision"]) is not None
    await revisions.trim(oldest=time.time() + 1_000)
    assert await Revisions(client, FlowNames()).index(first["revision"]) is None
    assert not await client.exists(FlowNames().revision, FlowNames().revisions)


async def test_what_fails_for_a_moment_is_tried_again_under_the_same_key(
    replica: Start, receiver: Receiver, publish: Publish
) -> None:
    one = await replica()
    receiver.answers = [503, 429]
    await one.put(hook(receiver.url))
    await publish(path="/a")
    (run,) = await finished(one)
    assert run["status"] == "succeeded"
    attempts = (await whole(one, run))["activities"][0]["attempts"]
    assert [attempt["status_code"] for attempt in attempts] == [503, 429, 200]
    assert len(set(receiver.keys())) == 1


async def test_a_lasting_failure_is_kept_and_can_be_tried_again_once_for_a_key(
    replica: Start, receiver: Receiver, publish: Publish
) -> None:
    one = await replica()
    receiver.answers = [400]
    await one.put(hook(receiver.url))
    await publish(path="/a")
    (run,) = await finished(one)
    assert [(found["id"], found["error"]) for found in await runs(one, status="failed")] == [
        (run["id"], "post_webhook: answered 400")
    ]
    path, headers = f"/api/flow/runs/{run['id']}/retry", {"Idempotency-Key": "k"}
    first = await one.api.post(path, headers=headers)
    again = await one.api.post(path, headers=headers)
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.headers["Idempotency-Replayed"] == "true"
    await eventually(lambda: len(receiver.came) == 2)

    async def succeeded() -> bool:
        return bool(await runs(one, status="succeeded"))

    await eventually(succeeded)
    assert len(set(receiver.keys())) == 1
    assert (await one.api.post(path)).status_code == 409
    assert (await one.api.post("/api/flow/runs/nobody/retry")).status_code == 404


async def test_a_key_holds_across_replicas_at_once_and_after_the_death_of_who_had_it(
    replica: Start, receiver: Receiver, publish: Publish, client: Redis
) -> None:
    one, other = await replica(), await replica()
    receiver.answers = [400]
    await one.put(hook(receiver.url))
    await publish(path="/a")
    (run,) = await finished(one)
    receiver.delay = 1
    path, headers = f"/api/flow/runs/{run['id']}/retry", {"Idempotency-Key": "k"}
    answers = await asyncio.gather(*(asked.api.post(path, headers=headers) for asked in (one, other) * 4))
    assert {(answer.status_code, answer.content) for answer in answers} == {(202, answers[0].content)}
    assert sum("Idempotency-Replayed" not in answer.headers for answer in answers) == 1
    claim = Names().idempotency(key_of("POST", path, "k"))
    await client.hdel(claim, "status", "headers", "body")
    await client.hset(claim, "owner", "dead")
    told = await other.api.post(path, headers=headers)
    assert (told.status_code, told.headers.get("Idempotency-Replayed")) == (202, None)
    replayed = await one.api.post(path, headers=headers)
    assert (replayed.status_code, replayed.content) == (202, told.content)
    receiver.delay = 0
    assert (await finished(one))[0]["status"] == "succeeded"
    assert len(receiver.came) == 2


async def test_a_run_is_told_of_while_it_goes_on(
    replica: Start, receiver: Receiver, publish: Publish, bus: Bus
) -> None:
    one = await replica()
    config = hook(receiver.url)
    config["bindings_by_trigger_id"]["t"].append(
        {"activity_id": "http_request", "config": {"url": "http://10.0.0.1/", "method": "PUT"}}
    )
    await one.put(config)
    receiver.answers = [503]
    async with bus.subscribe(Stream.EVENTS) as events:
        await publish(path="/a")
        told: list[dict[str, Any]] = []
        async with asyncio.timeout(10):
            while not told or told[-1]["status"] == RUNNING:
                entry = await anext(events)
                if isinstance(entry, Entry) and entry.event.type == "flow_run":
                    told.append(entry.event.data)
    assert [step.get("activity_status") for step in told if step.get("activity_id") != "http_request"] == [
        None,
        "queued",
        "succeeded",
    ]
    assert "10.0.0.1 is not an address" in next(
        step["error"] for step in told if step.get("activity_id") == "http_request"
    )
    assert [step["status"] for step in told] == [RUNNING, RUNNING, RUNNING, "failed"]
    assert {(step["trigger_id"], step["run_id"]) for step in told} == {("t", told[0]["run_id"])}


async def test_a_loop_is_stopped_recorded_and_told(
    replica: Start, receiver: Receiver, publish: Publish, bus: Bus
) -> None:
    one = await replica()
    await one.put(hook(receiver.url))
    async with bus.subscribe(Stream.NOTIFICATIONS) as notices:
        await publish(path="/deep", depth=8)
        async with asyncio.timeout(10):
            entry = await anext(notices)
    assert isinstance(entry, Entry)
    assert entry.event.data["level"] == "warning"
    assert "stopped" in entry.event.data["message"]
    (run,) = await finished(one)
    assert run["status"] == "failed"
    assert "8 flows have led to this event" in run["error"]
    await publish(path="/shallow", depth=7)
    await finished(one, 2)
    assert len(receiver.came) == 1


async def test_a_toast_is_one_notification(replica: Start, publish: Publish, bus: Bus) -> None:
    one = await replica()
    toast = {"activity_id": "toast_notification", "config": {"level": "INFO", "message_template": "Changed {{path}}"}}
    await one.put({"triggers": [{"id": "t", "event_type": "file-change"}], "bindings_by_trigger_id": {"t": [toast]}})
    async with bus.subscribe(Stream.NOTIFICATIONS) as notices:
        await publish(path="/a\x1b[2J")
        async with asyncio.timeout(10):
            entry = await anext(notices)
    assert isinstance(entry, Entry)
    assert (entry.event.type, entry.event.topic) == ("toast", "toast")
    assert entry.event.data["message"] == "Changed /a[2J"
    assert entry.event.data["level"] == "info"


async def test_cooldown_throttle_and_debounce_hold_runs_back_and_say_so(
    replica: Start, receiver: Receiver, publish: Publish
) -> None:
    one = await replica()
    await one.put(hook(receiver.url, cooldown="1h", group_by="path"))
    for path in ("/a", "/a", "/b"):
        await publish(path=path)
    await finished(one, 2)
    (held,) = await runs(one, matched="false")
    assert (held["status"], held["error"]) == ("held", "held back by its cooldown")
    await one.put(hook(receiver.url, "limited", throttle={"limit": 2, "per": "1h"}))
    for number in range(4):
        await publish(path=f"/{number}")
    await finished(one, 4)
    await one.put(hook(receiver.url, "late", debounce="0.5s"))
    for number in range(5):
        await publish(path=f"/burst{number}")
    await finished(one, 5)
    assert json.loads(receiver.came[-1]["body"])["event"]["path"] == "/burst4"


async def test_an_absence_is_told_by_the_events_own_clock(replica: Start, receiver: Receiver, publish: Publish) -> None:
    one = await replica()
    absence = {"for": "1s", "until": ["terminal_active"]}
    await one.put(hook(receiver.url, event_type="terminal_idle", absence=absence, group_by="path"))
    await publish("terminal_idle", path="quiet", at=now() - timedelta(seconds=5))
    await publish("terminal_idle", path="busy")
    await publish("terminal_active", path="busy")
    await finished(one)
    assert [json.loads(came["body"])["event"]["path"] for came in receiver.came] == ["quiet"]


async def test_a_schedule_fires_once_however_many_replicas_there_are(
    replica: Start, receiver: Receiver, client: Redis
) -> None:
    first, _ = await replica(), await replica()
    await first.put(hook(receiver.url, event_type="schedule", schedule={"every": "1s"}))
    await eventually(lambda: len(receiver.came) >= 3)
    times = [json.loads(came["body"])["event"]["timestamp"] for came in receiver.came]
    assert len(set(times)) == len(times)
    await first.put({})
    await eventually(lambda: _gone(client))


async def _gone(client: Redis) -> bool:
    return not await client.hlen(FlowNames().timer)


async def test_a_trimmed_run_leaves_nothing_behind(
    replica: Start, receiver: Receiver, publish: Publish, client: Redis
) -> None:
    one = await replica(GESTALT_FLOW_HISTORY="0.1s")
    await one.put(hook(receiver.url, where={"path": "*"}))
    for number in range(20):
        await publish(path=f"/{number}")
    await eventually(lambda: len(receiver.came) == 20)

    async def left() -> list[bytes]:
        keys = await client.keys(FlowNames().key("*"))
        return [
            key for key in keys if key not in {FlowNames().key(name).encode() for name in ("saved", "ready", "doings")}
        ]

    async def nothing() -> bool:
        return not await left()

    await eventually(nothing, 15, "nothing is left")
