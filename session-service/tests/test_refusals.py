"""What a worker refuses, in which order, with which words (contract §1 to §3)."""

from __future__ import annotations

import asyncio

import pytest
from session_world import ECHO, QUIET, Running, of, refused
from viewing import BEARER
from waiting import eventually

from gestalt_contracts.uids import new_uid

pytestmark = pytest.mark.asyncio(loop_scope="module")

INVALID = "invalid request body"
SIZES = "cols and rows must be 1 to 65535"
GONE = "terminal not found"
LIMIT = 1024 * 1024

ROUTES = {
    "/api/status": "GET",
    "/api/git/log": "GET",
    "/api/workers": "GET",
    "/api/workers/w0": "PATCH",
    "/api/sessions": "GET, POST",
    "/api/sessions/stream": "GET",
    "/api/events/stream": "GET",
    "/healthz": "GET",
    "/readyz": "GET",
    "/metrics": "GET",
    of("Shell 9"): "GET, PATCH, DELETE",
    of("Shell 9", "output"): "GET",
    of("Shell 9", "history"): "GET",
    of("Shell 9", "recording"): "GET",
    of("Shell 9", "progress"): "GET",
    of("Shell 9", "input-history"): "GET, POST",
    of("Shell 9", "input"): "POST",
    of("Shell 9", "resize"): "POST",
    of("Shell 9", "signal"): "POST",
    of("Shell 9", "bell"): "POST",
    of("Shell 9", "activate"): "POST",
    of("Shell 9", "notify"): "POST",
}


@pytest.mark.parametrize("path", [path for path in ROUTES if path not in {"/healthz", "/readyz"}])
@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "bearer internal secret"}]
)
async def test_without_the_internal_bearer_everything_is_401(
    worker: Running, path: str, headers: dict[str, str]
) -> None:
    answer = await worker.stranger.request("TRACE", path, headers=headers)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert answer.json() == {"message": "unauthorized", "error": "unauthorized", "code": "unauthorized"}


async def test_two_bearers_are_none(worker: Running) -> None:
    answer = await worker.stranger.get("/api/status", headers=[*BEARER.items(), *BEARER.items()])
    assert answer.status_code == 401


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_health_needs_no_bearer(worker: Running, path: str) -> None:
    assert (await worker.stranger.get(path)).status_code == 200


@pytest.mark.parametrize(("path", "allowed"), ROUTES.items())
async def test_a_wrong_method_is_told_the_right_ones_even_of_an_unknown_session(
    worker: Running, path: str, allowed: str
) -> None:
    for method in {"PUT", "OPTIONS", "GET", "POST"} - set(allowed.split(", ")):
        answer = await worker.http.request(method, path)
        refused(answer, 405, "method not allowed")
        assert answer.headers["allow"] == allowed


@pytest.mark.parametrize(
    ("method", "path", "status", "message"),
    [
        ("GET", "/api/nope", 404, "not found"),
        ("GET", "/api/sessions/", 400, "missing terminal id"),
        ("GET", of("  "), 400, "missing terminal id"),
        ("GET", of("Shell 9", "nope"), 404, GONE),
        ("GET", of("Shell 9", "output/more"), 404, GONE),
        ("GET", of("a/b"), 404, GONE),
        ("GET", of("Shell 9"), 404, GONE),
        ("GET", of("Shell+9"), 404, GONE),
        ("GET", of("Shell 9") + "/", 404, GONE),
        ("DELETE", of("Shell 9"), 404, GONE),
        ("GET", of("Shell 9", "output"), 404, GONE),
        ("GET", of("Shell 9", "output?format=x"), 400, "format must be raw or text, not 'x'"),
        ("GET", of("Shell 9", "recording"), 404, GONE),
        ("GET", of("Shell 9", "recording?format=v1"), 400, "format must be v2 or v3, not 'v1'"),
        ("GET", of("Shell 9", "progress"), 404, GONE),
        ("GET", of("Shell 9", "history"), 404, GONE),
        ("GET", of("Shell 9", "history?lines=0"), 400, "invalid lines"),
        ("GET", of("Shell 9", "history?lines=x&before_cursor=x"), 400, "invalid lines"),
        ("GET", of("Shell 9", "history?lines=&before_cursor=-1"), 400, "invalid before_cursor"),
        ("GET", of("Shell 9", "history?lines=1&lines=0"), 404, GONE),
        ("GET", of("Shell 9", "history?format=x"), 400, "format must be raw or text, not 'x'"),
        ("GET", of("Shell 9", "input-history?limit=0"), 400, "invalid limit"),
        ("GET", of("Shell 9", "input-history?since=yesterday"), 400, "invalid since timestamp"),
        ("GET", of("Shell 9", "input-history?since=2026-01-01t00:00:00z"), 400, "invalid since timestamp"),
        ("GET", of("Shell 9", "input-history?since=2026-01-01T00:00:00"), 400, "invalid since timestamp"),
        ("GET", of("Shell 9", "input-history?since=2026-13-01T00:00:00Z"), 400, "invalid since timestamp"),
        ("GET", of("Shell 9", "input-history"), 404, GONE),
        ("POST", of("Shell 9", "activate"), 404, GONE),
        ("POST", of("Shell 9", "bell"), 404, GONE),
        ("POST", of("Shell 9", "input"), 404, GONE),
        ("GET", "/api/git/log?limit=0", 400, "invalid limit"),
        ("GET", "/api/git/log?limit=%205", 400, "invalid limit"),
    ],
)
async def test_it_is_refused(worker: Running, method: str, path: str, status: int, message: str) -> None:
    refused(await worker.http.request(method, path), status, message)


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("resize", b"[", 400, INVALID),
        ("resize", b'{"cols":80}', 400, INVALID),
        ("resize", b'{"cols":0,"rows":1}', 400, SIZES),
        ("resize", b'{"cols":1,"rows":65536}', 400, SIZES),
        ("resize", b'{"cols":1,"rows":1}', 404, GONE),
        ("signal", b"{}", 400, INVALID),
        ("signal", b'{"signal":2}', 400, INVALID),
        ("signal", b'{"signal":"NOPE"}', 400, "unknown signal 'NOPE'"),
        ("signal", b'{"signal":"SIG"}', 400, "unknown signal 'SIG'"),
        ("signal", b'{"signal":"SIG_DFL"}', 400, "unknown signal 'SIG_DFL'"),
        ("signal", b'{"signal":"int"}', 400, "unknown signal 'int'"),
        ("signal", b'{"signal":"INT"}', 404, GONE),
        ("input-history", b'{"command":1}', 400, INVALID),
        ("input-history", b'{"command":null}', 400, INVALID),
        ("input-history", b"", 400, "missing command"),
        ("input-history", b'{"command":" \\n "}', 400, "missing command"),
        ("input-history", b'{"command":"ls"}', 404, GONE),
        ("notify", b'{"agent_id":"a"}', 400, INVALID),
        ("notify", b'{"session_id":1}', 400, INVALID),
        ("notify", b'{"session_id":"x","occurred_at":"now"}', 400, INVALID),
        ("notify", b"{}", 400, "missing session id"),
        ("notify", b'{"session_id":" "}', 400, "missing session id"),
        ("notify", b'{"session_id":"Shell 9"}', 422, "missing payload"),
        ("notify", b'{"session_id":"Shell 9","payload":null}', 422, "payload must be a JSON object"),
        ("notify", b'{"session_id":"Shell 9","payload":[]}', 422, "payload must be a JSON object"),
        ("notify", b'{"session_id":"Shell 9","payload":{}}', 422, "missing payload type"),
        ("notify", b'{"session_id":"Shell 9","payload":{"type":" "}}', 422, "missing payload type"),
        ("notify", b'{"session_id":"Shell 9","payload":{"type":1}}', 422, "missing payload type"),
        ("notify", b'{"session_id":"Shell 8","payload":{"type":"t"}}', 400, "session id mismatch"),
        ("notify", b'{"session_id":" Shell 9 ","payload":{"type":"t"}}', 404, "session not found"),
    ],
)
async def test_a_body_is_judged_before_the_session_is_looked_for(
    worker: Running, path: str, body: bytes, status: int, message: str
) -> None:
    refused(await worker.http.post(of("Shell 9", path), content=body), status, message)


@pytest.mark.parametrize(
    "path", ["/api/sessions", *(of("Shell 9", a) for a in ("input", "resize", "signal", "notify"))]
)
async def test_a_body_announced_too_long_is_refused_before_it_is_read(worker: Running, path: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", worker.port)
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {BEARER['Authorization']}\r\n"
    writer.write(f"{head}Content-Length: {LIMIT + 1}\r\n\r\n".encode())
    async with asyncio.timeout(5):
        assert (await reader.readline()).startswith(b"HTTP/1.1 413 ")
    writer.transport.abort()


async def test_a_long_body_of_unknown_length_is_refused_too(worker: Running) -> None:
    async def endless() -> object:
        for _ in range(40):
            yield b" " * 65_536

    refused(await worker.http.post("/api/sessions", content=endless()), 413, f"the body is over {LIMIT} bytes")


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"[]", 400, INVALID),
        (b'{"unknown":1}', 400, INVALID),
        (b'{"Title":"case"}', 400, INVALID),
        (b'{"title":"a"} {}', 400, INVALID),
        (b'{"title":7}', 400, INVALID),
        (b'{"command":{}}', 400, INVALID),
        (b'{"command":["a",1]}', 400, INVALID),
        (b'{"env":{"A":null}}', 400, INVALID),
        (b'{"labels":{"a":["b"]}}', 400, INVALID),
        (b'{"cols":"80"}', 400, INVALID),
        (b'{"cols":0}', 400, SIZES),
        (b'{"rows":-1}', 400, SIZES),
        (b'{"rows":65536}', 400, SIZES),
        (b'{"cols":100000000000000000000000000}', 400, SIZES),
        (b'{"command":[]}', 400, "command is empty"),
        (b'{"command":[""]}', 400, "command is empty"),
        (b'{"command":" "}', 400, "command is empty"),
        (b'{"command":["a\\u0000b"]}', 400, INVALID),
        (b'{"env":{"A":"\\u0000"}}', 400, INVALID),
        (b'{"env":{"":"x"}}', 400, "invalid environment variable name"),
        (b'{"env":{"A=B":"c"}}', 400, "invalid environment variable name"),
        (b'{"cwd":"missing"}', 400, "directory 'missing' does not exist"),
        (b'{"cwd":"/etc/passwd"}', 400, "directory '/etc/passwd' does not exist"),
        (b'{"cwd":"a\\u0000b"}', 400, INVALID),
        (b'{"agent":"a","command":"b"}', 400, "agent and command exclude each other"),
        (b'{"agent":"a"}', 400, "unknown agent"),
        (b'{"agent":"../a"}', 400, "unknown agent"),
        (b'{"runner":"other"}', 400, "unknown runner 'other'"),
        (b'{"command":["/no/such"]}', 400, "failed to start: /no/such: No such file or directory"),
        (b'{"command":["/etc"]}', 400, "failed to start: /etc: Permission denied"),
    ],
)
async def test_no_session_is_made_from(worker: Running, body: bytes, status: int, message: str) -> None:
    before = await worker.uids()
    refused(await worker.http.post("/api/sessions", content=body), status, message)
    assert await worker.uids() == before
    assert not [name for name in before if name["title"] == "Shell"]


async def test_a_directory_that_no_file_system_can_name_is_missing(worker: Running) -> None:
    long = "x" * 5_000
    refused(await worker.http.post("/api/sessions", json={"cwd": long}), 400, f"directory '{long}' does not exist")


async def test_what_could_not_be_started_leaves_nothing_behind(worker: Running) -> None:
    before = set(worker.world.data.glob("slots/*/sessions/*"))
    await worker.http.post("/api/sessions", json={"command": ["/no/such"], "title": "failed"})
    assert set(worker.world.data.glob("slots/*/sessions/*")) == before
    assert await worker.world.directory.find("failed 1") is None


@pytest.mark.parametrize(
    ("method", "action"),
    [
        ("GET", ""), ("PATCH", ""), ("DELETE", ""), ("GET", "output"), ("GET", "history"), ("GET", "recording"),
        ("GET", "progress"), ("GET", "input-history"), ("POST", "bell"), ("POST", "activate"),
    ],
)  # fmt: skip
async def test_a_session_that_is_not_here_is_misdirected(worker: Running, method: str, action: str) -> None:
    """The gateway thought it were: it looks again."""
    uid = new_uid()
    answer = await worker.http.request(method, of("Shell 9", action), headers={"X-Gestalt-Uid": uid})
    if (method, action) in {("DELETE", ""), ("GET", "history"), ("GET", "recording")}:
        refused(answer, 404, GONE)  # these answer for what has ended, too, and the directory does not know it
    else:
        refused(answer, 421, f"session {uid} is not held by this worker")


@pytest.mark.parametrize("action", ["input", "resize", "signal", "input-history", "notify"])
async def test_a_foreign_session_gets_nothing_that_was_posted(worker: Running, action: str) -> None:
    uid = new_uid()
    bodies = {
        "input": b"x", "resize": b'{"cols":1,"rows":1}', "signal": b'{"signal":"INT"}',
        "input-history": b'{"command":"ls"}', "notify": b'{"session_id":"Shell 9","payload":{"type":"t"}}',
    }  # fmt: skip
    answer = await worker.http.post(of("Shell 9", action), content=bodies[action], headers={"X-Gestalt-Uid": uid})
    refused(answer, 421, f"session {uid} is not held by this worker")


async def test_the_forwarded_uid_beats_the_id_of_the_path(worker: Running) -> None:
    one, other = await worker.create(QUIET, title="pair"), await worker.create(QUIET, title="pair")
    answer = await worker.http.get(of(one["id"]), headers={"X-Gestalt-Uid": other["uid"]})
    assert answer.json()["uid"] == other["uid"]


async def test_a_running_plain_session_refuses_what_agents_have(worker: Running) -> None:
    made = await worker.create(QUIET, title="plain")
    refused(await worker.http.post(of(made["id"], "activate")), 409, "session is not tmux-managed")
    for ref in (made["id"], made["uid"]):
        body = {"session_id": ref, "payload": {"type": "progress"}, "occurred_at": "2026-01-01T00:00:00Z", "raw": ""}
        refused(await worker.http.post(of(ref, "notify"), json=body), 400, "terminal is not an agent session")


async def test_a_closed_session_takes_nothing(worker: Running) -> None:
    made = await worker.create(["true"], title="brief")
    await worker.closed(made["uid"])
    for action, body in {"input": b"x", "resize": b'{"cols":9,"rows":9}', "signal": b'{"signal":"INT"}'}.items():
        refused(await worker.http.post(of(made["uid"], action), content=body), 409, "session is closed")


async def test_an_empty_input_is_refused(worker: Running) -> None:
    made = await worker.create(ECHO, title="empty")
    refused(await worker.type(made["uid"], b""), 400, INVALID)


async def test_patch_is_strict(worker: Running) -> None:
    made = await worker.create(QUIET, title="strict")
    for body in (b'{"id":"x"}', b'{"title":1}', b'{"labels":{"a":1}}', b"[]"):
        refused(await worker.http.patch(of(made["uid"]), content=body), 400, INVALID)
    assert (await worker.session(made["uid"]))["title"] == "strict"


async def test_a_draining_that_is_none_is_refused(worker: Running) -> None:
    (me,) = await worker.get("/api/workers")
    for body in (b"{}", b'{"draining":1}', b'{"draining":true,"x":1}'):
        refused(await worker.http.patch(f"/api/workers/{me['id']}", content=body), 400, INVALID)
    refused(await worker.http.patch("/api/workers/nope", content=b'{"draining":true}'), 404, "worker not found")


async def test_a_client_that_breaks_off_its_body_makes_no_session(worker: Running) -> None:
    before, open_now = await worker.uids(), worker.server.server_state.connections
    others = set(open_now)
    _, writer = await asyncio.open_connection("127.0.0.1", worker.port)
    head = f"POST /api/sessions HTTP/1.1\r\nHost: x\r\nAuthorization: {BEARER['Authorization']}\r\n"
    writer.write(f"{head}Content-Length: 100\r\n\r\n{{".encode())
    (ours,) = await eventually(lambda: set(open_now) - others)
    writer.transport.abort()
    await eventually(lambda: ours not in open_now)
    assert await worker.uids() == before
