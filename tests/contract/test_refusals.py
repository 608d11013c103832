"""What is refused, with which status and words, through the gateway (contract §2, §3)."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from urllib.parse import quote

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.support import programs
from tests.support.client import Api
from tests.support.eventually import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

SIZES = "cols and rows must be 1 to 65535"
INVALID = "invalid request body"
GONE = "terminal not found"
REFUSED_BODIES: list[tuple[bytes, int, str]] = [
    (b"[]", 400, INVALID),
    (b'{"unknown":1}', 400, INVALID),
    (b'{"Title":"case"}', 400, INVALID),
    (b'{"title":"a"} x', 400, INVALID),
    (b'{"title":', 400, INVALID),
    (b'\xef\xbb\xbf{"title":"bom"}', 400, INVALID),
    (b'{"cols":"80"}', 400, INVALID),
    (b'{"cols":0}', 400, SIZES),
    (b'{"rows":65536}', 400, SIZES),
    (b'{"command":[]}', 400, "command is empty"),
    (b'{"command":["/no/such/program"]}', 400, "failed to start: /no/such/program: No such file or directory"),
    (b'{"cwd":"missing"}', 400, "directory 'missing' does not exist"),
    (b'{"agent":"a","command":"b"}', 400, "agent and command exclude each other"),
    (b'{"agent":"../a"}', 400, "unknown agent"),
    (b'{"runner":"other"}', 400, "unknown runner 'other'"),
    (b'{"env":{"A=B":"c"}}', 400, "invalid environment variable name"),
]
CODES = {400: "invalid_request", 404: "not_found", 405: "method_not_allowed", 409: "conflict", 413: "payload_too_large"}


def check(answer: Any, status: int, message: str, code: str | None = None) -> None:
    """One error shape everywhere: exactly these keys."""
    assert answer.status_code == status, answer.text
    assert answer.json() == {"message": message, "error": message, "code": code or CODES[status]}
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store, must-revalidate"
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize(("body", "status", "message"), REFUSED_BODIES)
async def test_a_session_is_not_created_from(api: Api, body: bytes, status: int, message: str) -> None:
    before = len(await api.get("/api/sessions"))
    check(await api.http.post("/api/sessions", content=body), status, message)
    assert len(await api.get("/api/sessions")) == before


@pytest.mark.parametrize(
    ("method", "path", "status", "message"),
    [
        ("GET", "/api/nope", 404, "not found"),
        ("GET", "/ws/nope", 404, "not found"),
        ("GET", "/v1/nope", 404, "not found"),
        ("GET", "/api/sessions/nope", 404, GONE),
        ("GET", "/api/sessions/nope/what", 404, GONE),
        ("GET", "/api/sessions/", 400, "missing terminal id"),
        ("GET", "/api/sessions/nope/history?lines=0", 400, "invalid lines"),
        ("GET", "/api/sessions/nope/history?before_cursor=-1", 400, "invalid before_cursor"),
        ("GET", "/api/sessions/nope/input-history?limit=x", 400, "invalid limit"),
        ("GET", "/api/sessions/nope/input-history?since=yesterday", 400, "invalid since timestamp"),
        ("GET", "/api/git/log?limit=0", 400, "invalid limit"),
        ("POST", "/api/sessions/nope/input", 404, GONE),
        ("DELETE", "/api/sessions/nope", 404, GONE),
        ("PUT", "/api/sessions/nope", 405, "method not allowed"),
        ("DELETE", "/api/sessions", 405, "method not allowed"),
        ("OPTIONS", "/api/status", 405, "method not allowed"),
    ],
)
async def test_it_is_refused(api: Api, method: str, path: str, status: int, message: str) -> None:
    answer = await api.http.request(method, path)
    check(answer, status, message)
    assert ("allow" in answer.headers) == (status == 405)


async def test_an_input_over_the_limit_is_refused_unread_and_nothing_is_typed(api: Api) -> None:
    session = await api.create(programs.echo())
    async with api.viewer(session["uid"]) as viewer:
        await viewer.shows(programs.BEGUN)
        check(await api.type(session["uid"], b"x" * (1024 * 1024 + 1)), 413, "request body is over 1048576 bytes")
        check(await api.type(session["uid"], b""), 400, INVALID)
        await viewer.type(b"only this")
        await viewer.shows(b"only this")
        assert bytes(viewer.data) == programs.BEGUN + b"only this"


async def test_a_line_that_the_terminal_would_cut_is_refused_whole(api: Api) -> None:
    session = await api.create(["cat"])
    answer = await api.type(session["uid"], b"x" * 5_000 + b"\n")
    message = "a line of 5000 bytes is longer than the 4095 that the terminal keeps"
    check(answer, 422, message, "line_too_long")
    assert (await api.type(session["uid"], b"x" * 4_095 + b"\n")).json() == {"bytes": 4_096}


async def _written(api: Api, uid: str) -> bool:
    return bool((await api.session(uid))["output_bytes"])


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("signal", b'{"signal":"NOPE"}', "unknown signal 'NOPE'"),
        ("signal", b"{}", INVALID),
        ("resize", b'{"cols":0,"rows":1}', SIZES),
        ("resize", b'{"cols":80}', INVALID),
        ("input-history", b"{}", "missing command"),
        ("input-history", b'{"command":1}', INVALID),
        ("notify", b'{"session_id":"x","payload":{"type":"t"},"agent_id":"a"}', INVALID),
        ("notify", b"{}", "missing session id"),
        ("notify", b'{"session_id":"x","payload":{"type":"t"}}', "session id mismatch"),
    ],
)
async def test_a_running_session_refuses(api: Api, path: str, body: bytes, message: str) -> None:
    session = await api.create(programs.echo())
    check(await api.http.post(f"/api/sessions/{session['uid']}/{path}", content=body), 400, message)


async def test_a_closed_session_takes_nothing_more(api: Api) -> None:
    session = await api.create(["sh", "-c", "kill -TERM $$"])
    await eventually(lambda: _closed(api, session["uid"]))
    assert (await api.session(session["uid"]))["exit_code"] == -15
    for path, body in (("input", b"x"), ("resize", b'{"cols":9,"rows":9}'), ("signal", b'{"signal":"INT"}')):
        check(await api.http.post(f"/api/sessions/{session['uid']}/{path}", content=body), 409, "session is closed")
    check(await api.http.post(f"/api/sessions/{session['uid']}/activate"), 409, "session is not tmux-managed")


async def _closed(api: Api, uid: str) -> bool:
    return bool((await api.session(uid))["status"] == "closed")


async def test_of_a_deleted_session_only_the_journal_answers(api: Api) -> None:
    session = await api.create(["sh", "-c", "echo kept; sleep 600"], title="gone")
    await eventually(lambda: _written(api, session["uid"]))
    assert (await api.delete(session["id"])).status_code == 204
    for ref in (session["id"], session["uid"]):
        path = f"/api/sessions/{quote(ref)}"
        assert (await api.get(f"{path}/history", format="text"))["lines"] == ["kept"]
        assert (await api.http.get(f"{path}/recording")).status_code == 200
        for other in ("", "/output", "/progress", "/input-history"):
            check(await api.http.get(path + other), 404, GONE)
    check(await api.delete(session["uid"]), 404, GONE)


async def test_a_strange_host_and_a_strange_origin_are_refused(api: Api) -> None:
    host = await api.http.get("/api/status", headers={"Host": "evil.example"})
    assert (host.status_code, host.json()["code"]) == (421, "misdirected_request")
    origin = await api.http.post("/api/sessions", headers={"Origin": "http://evil.example"})
    assert (origin.status_code, origin.json()["code"]) == (403, "forbidden")
    assert (await api.http.get("/api/status", headers={"Origin": "http://evil.example"})).status_code == 200


async def test_a_frame_over_the_limit_is_closed_as_too_big_and_not_as_a_dead_worker(api: Api) -> None:
    session = await api.create(programs.echo())
    url = f"ws{api.url.removeprefix('http')}/ws/session/{session['uid']}"
    async with connect(url, proxy=None, compression=None) as socket:
        with suppress(ConnectionClosed):
            await socket.send(b"x" * (2 * 1024 * 1024))
        await socket.wait_closed()
        assert socket.close_code == 1009


async def test_a_control_that_no_parser_takes_is_ignored_too(api: Api) -> None:
    session = await api.create(programs.echo())
    async with api.viewer(session["uid"]) as viewer:
        await viewer.shows(programs.BEGUN)
        await viewer.say('{"type":"resize","cols":' + "9" * 5_000 + ',"rows":5}')
        await viewer.say("typed")
        await viewer.shows(b"typed")
        assert bytes(viewer.data) == programs.BEGUN + b"typed"


async def test_a_paste_cannot_end_itself(api: Api) -> None:
    session = await api.create(["sh", "-c", "stty raw -echo; printf '\\033[?2004hready'; exec cat -v"])
    async with api.viewer(session["uid"]) as viewer:
        await viewer.shows(b"ready")
        assert (await api.type(session["uid"], b"in\x1b[201~jected", paste=1)).json() == {"bytes": 8}
        await viewer.shows(b"^[[200~injected^[[201~")


@pytest.mark.parametrize("route", ["output", "history", "recording"])
async def test_an_unknown_format_is_refused(api: Api, route: str) -> None:
    session = await api.create(programs.echo())
    answer = await api.http.get(f"/api/sessions/{session['uid']}/{route}", params={"format": "other"})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
