"""What the service says of itself, and refusals that all look alike (contract §1, §2, §8)."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin

from tests.support import programs
from tests.support.client import Api
from tests.support.eventually import eventually
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")
STATUS = {
    "session_count", "server_time", "session_persist", "session_scrollback_lines", "session_font_family",
    "session_font_size", "session_input_font_family", "session_input_font_size", "working_dir", "git_origin",
    "git_branch", "version", "major", "minor", "patch", "built", "otel_collector_running", "otel_collector_pid",
    "otel_collector_http_endpoint", "otel_collector_restart_count",
}  # fmt: skip
WORKER = {"id", "pid", "host", "state", "sessions", "capacity", "version", "started_at", "seen_at"}
COMMIT = {"sha", "short_sha", "committed_at", "subject", "stats", "files", "files_truncated"}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z")


async def test_status_has_every_field_and_counts_what_is_listed(api: Api, system: Stack) -> None:
    before = await api.get("/api/status")
    assert set(before) >= STATUS
    assert before["working_dir"] == str(system.workspace.resolve())
    assert TIME.fullmatch(before["server_time"])
    session = await api.create(["true"])
    assert (await api.get("/api/status"))["session_count"] == before["session_count"] + 1
    await api.delete(session["uid"])
    assert (await api.get("/api/status"))["session_count"] == before["session_count"]


async def test_workers_are_listed_with_what_they_hold(api: Api, system: Stack) -> None:
    session = await api.create(programs.echo())
    workers = await eventually(lambda: holding(api, session["worker"]))
    assert all(set(worker) >= WORKER for worker in workers)
    assert {worker["state"] for worker in workers} == {"live"}
    assert {worker["pid"] for worker in workers} == set(system.worker_pids())
    assert all(TIME.fullmatch(worker["started_at"]) and TIME.fullmatch(worker["seen_at"]) for worker in workers)
    assert all(isinstance(worker["sessions"], int) and worker["capacity"] > 0 for worker in workers)


async def holding(api: Api, worker_id: str) -> list[dict[str, Any]]:
    """The workers, once one is known to hold something."""
    workers: list[dict[str, Any]] = await api.get("/api/workers")
    return workers if any(worker["id"] == worker_id and worker["sessions"] for worker in workers) else []


@pytest.mark.parametrize(
    ("worker", "body", "status", "message"),
    [
        ("nobody", b'{"draining":true}', 404, "worker not found"),
        ("nobody", b'{"draining":1}', 400, "invalid request body"),
        ("nobody", b"{}", 400, "invalid request body"),
        ("nobody", b'{"draining":true,"more":1}', 400, "invalid request body"),
    ],
)
async def test_a_worker_is_not_changed_by(api: Api, worker: str, body: bytes, status: int, message: str) -> None:
    answer = await api.http.patch(f"/api/workers/{worker}", content=body)
    assert (answer.status_code, answer.json()["message"]) == (status, message)


async def test_a_draining_worker_keeps_its_terminals_and_gets_no_more(api: Api) -> None:
    kept = await api.create(programs.echo())
    path = f"/api/workers/{kept['worker']}"
    answer = await api.http.patch(path, json={"draining": True})
    assert (answer.status_code, answer.json()["id"], answer.json()["state"]) == (200, kept["worker"], "draining")
    try:
        made = [await api.create(programs.echo()) for _ in range(3)]
        assert kept["worker"] not in {session["worker"] for session in made}
        assert (await api.type(kept["uid"], b"still")).status_code == 200
    finally:
        assert (await api.http.patch(path, json={"draining": False})).json()["state"] == "live"


async def git(workspace: Path, *arguments: str) -> None:
    name = ("-c", "user.name=T", "-c", "user.email=t@example.org")
    process = await asyncio.create_subprocess_exec("git", *name, *arguments, cwd=workspace)
    async with asyncio.timeout(10):
        assert await process.wait() == 0


async def test_commits_are_told_whole_also_without_files_and_on_no_branch(api: Api, system: Stack) -> None:
    await git(system.workspace, "init", "-q", "-b", "trunk")
    assert (await api.get("/api/git/log"))["commits"] == []
    (system.workspace / 'q"uote\ttab\n😀').write_text("x\n")
    await git(system.workspace, "add", "--", 'q"uote\ttab\n😀')
    await git(system.workspace, "commit", "-q", "-m", "odd name\n\nbody")
    await git(system.workspace, "commit", "-q", "--allow-empty", "-m", "empty")
    await git(system.workspace, "remote", "add", "origin", "https://example.org/x.git")
    log = await api.get("/api/git/log")
    empty, odd = log["commits"]
    assert set(odd) == COMMIT
    assert (empty["subject"], empty["files"], odd["subject"]) == ("empty", [], "odd name")
    assert odd["files"] == [{"path": 'q"uote\ttab\n😀', "added": 1, "deleted": 0, "binary": False}]
    assert odd["stats"] == {"files_changed": 1, "lines_added": 1, "lines_deleted": 0, "has_binary": False}
    assert (odd["sha"].startswith(odd["short_sha"]), len(odd["short_sha"])) == (True, 12)
    assert [commit["subject"] for commit in (await api.get("/api/git/log", limit=1))["commits"]] == ["empty"]
    status = await api.get("/api/status")
    assert (status["git_branch"], status["git_origin"]) == ("trunk", "https://example.org/x.git")
    await git(system.workspace, "checkout", "-q", "--detach")
    assert (await api.get("/api/status"))["git_branch"] == f"detached@{empty['sha'][:12]}"


@pytest.mark.parametrize("limit", ["0", "-1", "x", "1.5", "9" * 30])
async def test_a_limit_that_is_no_positive_number_is_refused(api: Api, limit: str) -> None:
    answer = await api.http.get("/api/git/log", params={"limit": limit})
    assert (answer.status_code, answer.json()["message"]) == (400, "invalid limit")


async def test_the_description_names_every_route_and_its_page_has_no_inline_script(api: Api) -> None:
    document = await api.get("/openapi.json")
    assert document["openapi"].startswith("3.")
    for path in ("/api/sessions", "/api/status", "/api/workers", "/api/flow/config", "/v1/logs", "/healthz"):
        assert path in document["paths"]
    assert {"get", "post"} <= set(document["paths"]["/api/sessions"])
    page = await api.http.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert re.findall(r"<script(?![^>]*\bsrc=)", page.text) == []
    for asset in re.findall(r"(?:src|href)=\"(/?[^\"]+\.(?:js|css))\"", page.text):
        assert (await api.http.get(str(page.url.join(asset)))).status_code == 200
    assert (await api.http.get("/docs/no.js")).status_code == 404


async def test_metrics_count_what_was_answered(api: Api) -> None:
    await api.get("/api/status")
    answer = await api.http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert re.search(r'^gestalt_\w+.*"/api/status"', answer.text, re.MULTILINE)


async def test_it_says_that_it_is_ready(api: Api) -> None:
    assert (await api.get("/healthz")) == {"status": "ok"}
    assert (await api.get("/readyz"))["ready"] is True


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/api/no", None, 404, "not_found"),
        ("GET", "/ws/no", None, 404, "not_found"),
        ("POST", "/v1/no", b"\x0a\x00", 404, "not_found"),
        ("GET", "/api/sessions/%20", None, 400, "invalid_request"),
        ("GET", "/api/sessions/a%2Fb", None, 404, "not_found"),
        ("GET", "/api/sessions/%FF", None, 404, "not_found"),
        ("GET", "/api/status/", None, 404, "not_found"),
        ("GET", "/ws/events", None, 400, "invalid_request"),
        ("GET", "/ws/session/no", None, 400, "invalid_request"),
        ("GET", "/api/sessions/events", None, 400, "invalid_request"),
        ("POST", "/ws/events", None, 405, "method_not_allowed"),
        ("POST", "/api/sessions/stream", None, 405, "method_not_allowed"),
        ("POST", "/metrics", None, 405, "method_not_allowed"),
        ("GET", "/api/auth/login", None, 405, "method_not_allowed"),
        ("POST", "/api/auth/login", b"[]", 400, "invalid_request"),
        ("POST", "/api/sessions", b"\xff", 400, "invalid_request"),
        ("POST", "/api/sessions", b"[" * 100_000, 400, "invalid_request"),
        ("PATCH", "/api/sessions/no", b"{}", 404, "not_found"),
        ("PATCH", "/api/sessions/no", b"[]", 400, "invalid_request"),
        ("POST", "/api/sessions/no/signal", b'{"signal":"INT"}', 404, "not_found"),
        ("POST", "/api/sessions/no/bell", None, 404, "not_found"),
        ("POST", "/api/sessions/no/activate", None, 404, "not_found"),
        ("GET", "/api/sessions/no/progress", None, 404, "not_found"),
        ("GET", "/api/sessions/no/recording", None, 404, "not_found"),
        ("PUT", "/api/metrics/summary", None, 405, "method_not_allowed"),
        ("POST", "/api/flow/config/import", b"{}", 415, "unsupported_media_type"),
        ("POST", "/api/flow/test", b"{}", 400, "invalid_request"),
        ("GET", "/api/flow/runs/x", None, 404, "not_found"),
        ("GET", "/api/otel/usage?since=now", None, 400, "invalid_request"),
        ("POST", "/v1/traces", b"", 415, "unsupported_media_type"),
        ("GET", "/api/otel/traces/none", None, 404, "not_found"),
        ("POST", "/api/notifications/stream", None, 405, "method_not_allowed"),
    ],
)
async def test_every_refusal_has_the_one_shape(
    api: Api, method: str, path: str, body: bytes | None, status: int, code: str
) -> None:
    answer: httpx.Response = await api.http.request(method, path, content=body)
    error = answer.json()
    assert (answer.status_code, error["code"]) == (status, code)
    assert list(error) == ["message", "error", "code"]
    assert error["message"] == error["error"] != ""
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.content.endswith(b"}\n")
    assert ("allow" in answer.headers) == (status == 405)


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/api/sessions", "GET, POST"),
        ("/api/sessions/no", "GET, PATCH, DELETE"),
        ("/api/sessions/no/input", "POST"),
        ("/api/sessions/no/input-history", "GET, POST"),
        ("/api/sessions/no/history", "GET"),
        ("/api/status", "GET"),
        ("/api/flow/config", "GET, PUT"),
        ("/ws/session/no", "GET"),
    ],
)
async def test_a_method_that_is_not_there_is_told_which_ones_are(api: Api, path: str, allow: str) -> None:
    answer = await api.http.request("TRACE", path)
    assert (answer.status_code, answer.json()["message"]) == (405, "method not allowed")
    assert set(answer.headers["allow"].split(", ")) == set(allow.split(", "))


@pytest.mark.parametrize(
    "body", [b"", b"null", b"{}", b" \n", b'{"title":null}', b'{"agent":""}', b'{"cols":1,"cols":9}']
)
async def test_a_session_is_made_from_as_little_as(api: Api, body: bytes) -> None:
    answer = await api.http.post("/api/sessions", content=body, headers={"Content-Type": "text/plain"})
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert (made["title"], made["runner"], made["interface"], made["role"]) == ("Shell", "server", "cli", "")
    assert made["cols"] == (9 if b"cols" in body else 80)
    assert (made["skills"], made["prompt_files"], made["launch"]["prompt_files"]) == ([], [], None)
    assert (await api.delete(made["uid"])).status_code == 204


async def test_without_a_token_everyone_is_let_in_whatever_they_show(api: Api, system: Stack) -> None:
    for headers in ({"Authorization": "Bearer wrong"}, {"Authorization": "Basic x"}, {"Cookie": "gestalt_1=x"}):
        assert (await api.http.get("/api/status?token=wrong", headers=headers)).status_code == 200
    assert (await api.http.post("/api/auth/login", json={"token": "any"})).status_code == 204
    ticket = (await api.http.post("/api/auth/ticket")).json()["ticket"]
    api.http.cookies.clear()
    for query in ("", "?token=wrong", "?ticket=wrong", f"?ticket={ticket}"):
        url = f"ws{system.url.removeprefix('http')}/ws/events{query}"
        async with connect(url, proxy=None, origin=Origin(system.url)):
            pass
    for origin in ("http://evil.example", "null"):
        with pytest.raises(InvalidStatus) as refused:
            async with connect(f"ws{system.url.removeprefix('http')}/ws/events", proxy=None, origin=Origin(origin)):
                pass
        assert refused.value.response.status_code == 403


async def test_a_program_gets_nothing_of_the_services_own_environment(api: Api) -> None:
    session = await api.create("env; printf done; sleep 600", env={"OTEL_SERVICE_NAME": "given"})
    async with api.viewer(session["uid"]) as viewer:
        await viewer.shows(b"done")
        lines = bytes(viewer.data).split(b"\r\n")
    ours = {line for line in lines if line.startswith((b"GESTALT_", b"REDIS_", b"OTEL_"))}
    assert {line.partition(b"=")[0] for line in ours} == {
        b"GESTALT_SESSION_ID",
        b"GESTALT_URL",
        b"GESTALT_TOKEN",
        b"OTEL_SERVICE_NAME",
        b"OTEL_RESOURCE_ATTRIBUTES",
        b"OTEL_EXPORTER_OTLP_ENDPOINT",
        b"OTEL_EXPORTER_OTLP_PROTOCOL",
        b"OTEL_EXPORTER_OTLP_HEADERS",
    }
    assert f"GESTALT_SESSION_ID={session['id']}".encode() in ours
