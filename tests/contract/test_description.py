"""The document of the API tells the truth: what it describes is what is answered."""

from __future__ import annotations

import time

import msgspec
import pytest

from gestalt_flow.routes import description as of_flow
from gestalt_serving.description import JSON
from gestalt_session.routes import description as of_session
from gestalt_telemetry.routes import description as of_telemetry
from tests.support.client import Api
from tests.support.eventually import eventually
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")
TABLE = {**of_session.TABLE, **of_flow.TABLE, **of_telemetry.TABLE}
SHOWN = [route for route, told in TABLE.items() if route.startswith("GET ") and told.media == JSON]
TRACE = "5b8efff798038103d269b633813fc60c"
NEEDED = {"/api/otel/metrics/series": {"name": "paint"}}


async def filled(api: Api, system: Stack) -> dict[str, str]:
    """Something of every kind; what stands for each placeholder."""
    (system.data / "plans").mkdir(exist_ok=True)
    (system.data / "plans" / "plan.org").write_text("* TODO [#A] Write\n- [ ] a box\n** DONE More\n")
    session = await api.create(["cat"], title="described")
    span = {"traceId": TRACE, "spanId": f"{1:016x}", "name": "turn", "startTimeUnixNano": str(time.time_ns())}
    metric = {"name": "paint", "gauge": {"dataPoints": [{"timeUnixNano": str(time.time_ns()), "asDouble": 1.0}]}}
    for path, body in {
        "/v1/traces": {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]},
        "/v1/logs": {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"traceId": TRACE, "body": {"intValue": 1}}]}]}]},
        "/v1/metrics": {"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]},
        f"/api/sessions/{session['uid']}/input-history": {"command": "ls"},
    }.items():
        (await api.http.post(path, json=body)).raise_for_status()
    agents, skills = await api.get("/api/agents"), await api.get("/api/skills")
    trigger = {"id": "seen", "label": "", "event_type": "file-change", "where": {}}
    (await api.http.put("/api/flow/config", json={"version": 1, "triggers": [trigger]})).raise_for_status()

    async def run() -> str:
        (system.workspace / "seen.txt").write_text(str(time.time_ns()))
        return next((one["id"] for one in (await api.get("/api/flow/runs"))["runs"]), "")

    return {
        "ref": session["uid"], "filename": "plan.org", "agent_id": agents[0]["id"], "name": skills[0]["name"],
        "trace_id": TRACE, "run_id": await eventually(run),
    }  # fmt: skip


async def test_what_is_answered_is_what_is_described(api: Api, system: Stack) -> None:
    places = await filled(api, system)
    for route in SHOWN:
        path = route.removeprefix("GET ").format(**places)
        answer = await api.http.get(path, params=NEEDED.get(path))
        assert answer.status_code == 200, (route, answer.text)
        msgspec.json.decode(answer.content, type=TABLE[route].answer)


async def test_every_route_that_answers_json_says_what(api: Api) -> None:
    paths = (await api.get("/openapi.json"))["paths"]
    silent = [
        (method, path)
        for path, operations in paths.items()
        for method, operation in operations.items()
        if not (set(operation["responses"]) - {"default"})
        and path.startswith("/api/")
        and not path.endswith(("stream", "events"))
    ]
    assert silent == []
