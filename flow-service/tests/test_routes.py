"""The API of one replica: refusals first, in the contract's order."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from eventually import eventually
from flow_process import Publish, Start
from receiver import Receiver
from redis.asyncio import Redis
from test_running import finished, hook, runs

from gestalt_contracts.channels import Names

TOAST = {"activity_id": "toast_notification", "config": {"level": "info", "message_template": "x"}}
YAML = {"Content-Type": "application/yaml"}
BUNDLE = "version: 1\nflows:\n  - id: b\n    event_type: file-change\n  - id: a\n    event_type: git-branch\n"


def config(*ids: str) -> dict[str, Any]:
    triggers = [{"id": name, "event_type": "file-change"} for name in ids]
    return {"triggers": triggers, "bindings_by_trigger_id": {name: [TOAST] for name in ids}}


def said(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    error: dict[str, Any] = answer.json()
    assert (answer.status_code, error["code"]) == (status, code), answer.text
    assert error["message"] == error["error"]
    return error


async def test_refusals(replica: Start) -> None:
    one = await replica()
    async with httpx.AsyncClient(base_url=one.api.base_url, trust_env=False) as stranger:
        for method, path in (("GET", "/api/flow/config"), ("GET", "/nowhere"), ("DELETE", "/api/flow/config")):
            said(await stranger.request(method, path), 401, "unauthorized")
        assert (await stranger.get("/healthz")).status_code == (await stranger.get("/readyz")).status_code == 200
    api = one.api
    said(await api.get("/api/flow/nowhere"), 404, "not_found")
    said(await api.get("/api/flow/config/"), 404, "not_found")
    for method, path, allow in (
        ("DELETE", "/api/flow/config", "GET, PUT"),
        ("POST", "/api/flow/activities", "GET"),
        ("GET", "/api/flow/config/import", "POST"),
        ("GET", "/api/flow/test", "POST"),
    ):
        refused = await api.request(method, path)
        said(refused, 405, "method_not_allowed")
        assert refused.headers["allow"] == allow
    huge = b"x" * ((1 << 20) + 1)
    said(await api.put("/api/flow/config", content=huge), 413, "payload_too_large")
    said(await api.post("/api/flow/config/import", content=huge, headers=YAML), 413, "payload_too_large")
    for kind in ("application/json", "", "yaml", "text/plain; charset=utf-8"):
        refused = await api.post("/api/flow/config/import", content=BUNDLE, headers={"Content-Type": kind})
        assert said(refused, 415, "unsupported_media_type")["message"] == "unsupported content type"
    for body in (b"", b" ", b"{", b"{}{}", b"[]", b"\xef\xbb\xbf{}", b'{"Triggers": []}'):
        refused = await api.put("/api/flow/config", content=body)
        assert said(refused, 400, "invalid_request")["message"] == "invalid request body"
    said(await api.post("/api/flow/config/import", content=b" \n", headers=YAML), 400, "invalid_request")
    for query in ("limit=0", "limit=x", "limit=-1", "status=lost", "matched=maybe", "before=x"):
        said(await api.get(f"/api/flow/runs?{query}"), 400, "invalid_request")
    for trial in ({}, {"event": {}}, {"event": {"type": 5}}, {"event": {"type": "x"}, "event_id": "y"}, {"x": 1}):
        said(await api.post("/api/flow/test", json=trial), 400, "invalid_request")
    said(await api.post("/api/flow/test", json={"event_id": "nobody"}), 404, "not_found")
    said(await api.get("/api/flow/runs/n-1-0-0123456789"), 404, "not_found")


async def test_a_refused_configuration_changes_nothing(replica: Start) -> None:
    one = await replica()
    saved = await one.put(config("a"))
    bad = config("a", "b")
    bad["bindings_by_trigger_id"]["b"] = [{"activity_id": "launch"}, TOAST, TOAST]
    error = said(await one.api.put("/api/flow/config", json=bad), 409, "conflict")
    assert error["message"] == error["errors"][0]["message"] == 'unknown activity_id "launch"'
    assert [problem["path"] for problem in error["errors"]] == [
        "bindings_by_trigger_id.b[0].activity_id",
        "bindings_by_trigger_id.b[2]",
    ]
    validated = (await one.api.post("/api/flow/config/validate", json=bad)).json()
    assert validated == {"valid": False, "errors": error["errors"]}
    assert (await one.api.post("/api/flow/config/validate", content=BUNDLE, headers=YAML)).json()["valid"]
    assert await one.get("/api/flow/config") == saved


async def test_what_is_saved_is_what_is_answered_and_an_old_revision_is_refused(replica: Start) -> None:
    one = await replica()
    saved = await one.put(config("z", "a"))
    assert saved == await one.get("/api/flow/config")
    assert (saved["storage_path"], saved["errors"], saved["version"]) == (".gestalt/config/flows", [], 1)
    assert await one.put(saved) == saved
    headers = {"If-Match": f'"{saved["revision"]}"'}
    assert (await one.api.put("/api/flow/config", json=config("b"), headers=headers)).status_code == 200
    said(await one.api.put("/api/flow/config", json=config("c"), headers=headers), 412, "precondition_failed")
    said(
        await one.api.post("/api/flow/config/import", content=BUNDLE, headers={**YAML, **headers}),
        412,
        "precondition_failed",
    )
    assert [given["id"] for given in (await one.get("/api/flow/config"))["triggers"]] == ["b"]


async def test_a_bundle_goes_out_as_it_came_in(replica: Start) -> None:
    one = await replica()
    imported = await one.api.post("/api/flow/config/import", content=BUNDLE, headers={"Content-Type": "Text/YAML; a=b"})
    assert imported.status_code == 200
    assert [given["id"] for given in imported.json()["triggers"]] == ["b", "a"]
    exported = await one.api.get("/api/flow/config/export")
    assert exported.headers["content-type"] == "application/yaml; charset=utf-8"
    assert exported.headers["content-disposition"] == 'attachment; filename="flows.yaml"'
    assert exported.text == BUNDLE


async def test_others_are_answered_while_a_large_bundle_is_read(replica: Start) -> None:
    one = await replica()
    flow = "  - id: {}\n    event_type: file-change\n    where:\n      path: {}\n"
    bundle = "version: 1\nflows:\n" + "".join(flow.format(f"f{number}", f"/w/{number}") for number in range(10_000))
    read = asyncio.create_task(one.api.post("/api/flow/config/validate", content=bundle, headers=YAML))
    answers = 0
    while not read.done():
        answers += (await one.api.get("/healthz")).status_code == 200
    assert (await read).json() == {"valid": True, "errors": []}
    assert answers >= 10


async def test_the_catalogue_is_the_documented_one(replica: Start) -> None:
    one = await replica()
    known = {activity["id"]: activity for activity in await one.get("/api/flow/activities")}
    fields = {key: [(f["key"], f["type"], f.get("required")) for f in a["fields"]] for key, a in known.items()}
    assert fields["toast_notification"] == [("level", "string", True), ("message_template", "string", True)]
    assert fields["post_webhook"][:3] == [
        ("url", "string", True),
        ("headers_json", "string", None),
        ("body_template", "string", None),
    ]
    assert fields["spawn_agent_session"] == [
        ("agent_id", "string", True),
        ("reuse_if_running", "bool", None),
        ("title_template", "string", None),
        ("message_template", "string", None),
    ]
    types = (await one.get("/api/flow/event-types"))["event_types"]
    assert types[:4] == ["file-change", "git-branch", "git-commit", "plan-new"]
    assert {"terminal_closed", "agent_started"} <= set(types)


async def test_a_configuration_holds_at_once_for_every_replica_and_a_hand_edit_soon(
    replica: Start, receiver: Receiver, publish: Publish, tmp_path: Path
) -> None:
    one, other = await replica(), await replica()
    for number in range(10):
        await (one, other)[number % 2].put(hook(f"{receiver.url}/{number}"))
        await publish(path=f"/{number}")
    await eventually(lambda: len(receiver.came) == 10)
    assert all(came["path"] == json.loads(came["body"])["event"]["path"] for came in receiver.came)
    (tmp_path / ".gestalt/config/flows/bad.flow.yaml").write_text("id: bad")
    file = tmp_path / ".gestalt/config/flows/t.flow.yaml"
    file.write_text(file.read_text().replace("/9", "/edited"))

    async def told() -> bool:
        return bool((await other.get("/api/flow/config"))["errors"])

    await eventually(told)

    async def edited() -> bool:
        """Whichever of both takes it has looked."""
        await publish(path="/a")
        await asyncio.sleep(0.2)
        return receiver.came[-1]["path"] == "/edited"

    await eventually(edited, 20)


async def test_a_dry_run_says_everything_and_does_nothing(replica: Start, receiver: Receiver) -> None:
    one = await replica()
    flows = hook(
        receiver.url, where={"path": "/a"}, config={"body_template": "{{path}} {{ missing | default('none') }}"}
    )
    flows["triggers"].append({"id": "off", "event_type": "file-change", "enabled": False})
    event = {"type": "FILE-CHANGE", "path": "/a", "lines": 3}
    tried = (await one.api.post("/api/flow/test", json={"event": event, "config": flows})).json()["triggers"]
    assert [(given["trigger_id"], given["matched"]) for given in tried] == [("t", True), ("off", False)]
    (activity,) = tried[0]["activities"]
    assert activity["rendered"] == {"url": receiver.url, "body_template": "/a none"}
    assert tried[1]["conditions"][-1]["field"] == "enabled"
    assert (await runs(one), receiver.came) == ([], [])


async def test_runs_are_found_by_what_they_are_about_and_paged(
    replica: Start, receiver: Receiver, publish: Publish
) -> None:
    one = await replica()
    await one.put(hook(receiver.url))
    for number in range(25):
        await publish(path=f"/{number}")
    everything = await finished(one, 25)
    first = await one.get("/api/flow/runs", limit="10")
    second = await one.get("/api/flow/runs", limit="10", before=first["next_before"])
    last = await one.get("/api/flow/runs", limit="10", before=second["next_before"])
    paged = [run["id"] for page in (first, second, last) for run in page["runs"]]
    assert paged == [run["id"] for run in everything]
    assert last["next_before"] is None
    assert paged == sorted(paged, reverse=True)
    event_id = everything[3]["event_id"]
    assert [run["id"] for run in await runs(one, event_id=event_id, trigger_id="t")] == [everything[3]["id"]]
    assert await runs(one, trigger_id="nobody") == await runs(one, status="failed") == []


async def test_an_emptied_redis_is_taken_up_again(
    replica: Start, receiver: Receiver, publish: Publish, client: Redis
) -> None:
    one = await replica()
    await one.put(hook(receiver.url))
    await client.flushall()
    await eventually(lambda: _beats(client), 5, "the heartbeat is back")
    await publish(path="/a")
    await eventually(lambda: receiver.came, 10)


async def _beats(client: Redis) -> bool:
    return bool(await client.zcard(Names().services))


@pytest.mark.parametrize("bad", [b"[" * 100_000, b'{"a":' * 100_000, b'{"version": 1e999, "flows": []}'])
async def test_deep_and_strange_bodies_are_refused(replica: Start, bad: bytes) -> None:
    one = await replica()
    for path, headers in (("/api/flow/config", {}), ("/api/flow/config/import", YAML)):
        answer = await one.api.request("POST" if headers else "PUT", path, content=bad, headers=headers)
        said(answer, 400, "invalid_request")
    assert (await one.api.get("/healthz")).status_code == 200


async def test_schedules_come_back_after_an_emptied_redis(replica: Start, receiver: Receiver, client: Redis) -> None:
    one = await replica()
    await one.put(hook(receiver.url, event_type="schedule", schedule={"every": "1s"}))
    await eventually(lambda: receiver.came)
    await client.flushall()
    receiver.came.clear()
    await eventually(lambda: receiver.came, 15)


async def test_operators_read_what_they_alert_on(replica: Start) -> None:
    one = await replica()
    text = (await one.api.get("/metrics")).text
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert values["gestalt_flow_intake_age_seconds"] == values["gestalt_flow_activities_running"] == "0.0"
    assert values["gestalt_own_logs_dropped_total"] == "0.0"
