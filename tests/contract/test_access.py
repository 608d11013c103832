"""Who is let in, and which refusal comes first, on a server with a token (contract §2)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import pytest_asyncio
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.support import programs
from tests.support.client import Api, bearer
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")
TOKEN = "the token of this module"
GOOD, WRONG = bearer(TOKEN), bearer("wrong")
EVIL = {"Origin": "http://evil.example"}
STRANGE = {"Host": "evil.example"}
HUGE = {"Content-Length": str(1024 * 1024 + 1)}
UNAUTHORIZED = {"message": "unauthorized", "error": "unauthorized", "code": "unauthorized"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stranger(system: Stack) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a token."""
    async with httpx.AsyncClient(base_url=system.url, trust_env=False) as client:
        yield client


async def asked(system: Stack, method: str, path: str, headers: dict[str, str]) -> tuple[int, dict[str, str], Any]:
    """Status, headers and JSON of a request of which only the head is sent, as it stands here."""
    place = urlsplit(system.url)
    given = {"Host": place.netloc, **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in given.items() if value)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    try:
        writer.write(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode())
        async with asyncio.timeout(5):
            first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            body = await reader.readexactly(int(fields.get("content-length", "0")))
    finally:
        writer.close()
    return int(first.split()[1]), fields, json.loads(body) if body else None


async def upgraded(system: Stack, path: str, headers: dict[str, str]) -> int:
    """The status of a WebSocket's handshake."""
    try:
        async with connect(f"ws{system.url.removeprefix('http')}{path}", additional_headers=headers, proxy=None):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


@pytest.mark.parametrize(
    "headers",
    [
        {},
        WRONG,
        {"Authorization": "Bearer"},
        {"Authorization": f"Bearer  {TOKEN}"},
        {"Authorization": f"bearer {TOKEN}"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Cookie": f"gestalt_57417={TOKEN}"},
    ],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/status"),
        ("PUT", "/api/sessions"),
        ("GET", "/api/no/such"),
        ("GET", "/ws/no/such"),
        ("POST", "/v1/logs"),
        ("GET", "/docs"),
        ("GET", "/metrics"),
        ("GET", "/openapi.json"),
        ("POST", "/a/page"),
        ("POST", "/api/auth/ticket"),
    ],
)
async def test_without_the_token_everything_of_the_api_is_unauthorized(
    stranger: httpx.AsyncClient, method: str, path: str, headers: dict[str, str]
) -> None:
    answer = await stranger.request(method, path, headers=headers)
    assert (answer.status_code, answer.json()) == (401, UNAUTHORIZED)
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["content-type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize(("path", "status"), [("/healthz", 200), ("/readyz", 200), ("/", 200), ("/no.js", 404)])
async def test_health_and_the_page_are_open(stranger: httpx.AsyncClient, path: str, status: int) -> None:
    assert (await stranger.get(path)).status_code == status


@pytest.mark.parametrize("path", ["/api/status", "/api/sessions", "/docs", "/metrics", "/openapi.json"])
async def test_with_the_token_they_answer(stranger: httpx.AsyncClient, path: str) -> None:
    answer = await stranger.get(path, headers=GOOD)
    assert answer.status_code == 200
    if path.startswith("/api"):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store, must-revalidate"


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        ("", {}, 401),
        ("", GOOD, 101),
        ("token=", {}, 401),
        ("token=wrong", {}, 401),
        (f"token={TOKEN}", {}, 101),
        (f"token={TOKEN}", {"Authorization": "Basic x"}, 101),
        (f"token={TOKEN}", WRONG, 401),
        ("token=wrong", GOOD, 101),
        ("ticket=wrong", {}, 401),
        ("", GOOD | EVIL, 403),
        ("", GOOD | {"Origin": "null"}, 403),
        ("", EVIL, 401),
    ],
)
async def test_a_bearer_header_decides_before_the_query(
    system: Stack, query: str, headers: dict[str, str], status: int
) -> None:
    path = f"/ws/events?{query}".replace(" ", "%20")
    assert await upgraded(system, path, headers) == status
    async with (
        httpx.AsyncClient(base_url=system.url, trust_env=False, headers=headers) as client,
        client.stream("GET", f"/api/events/stream?{query}") as stream,
    ):
        assert stream.status_code == {101: 200}.get(status, status)


async def test_a_login_opens_rest_and_streams_until_the_logout(system: Stack, stranger: httpx.AsyncClient) -> None:
    refused = await stranger.post("/api/auth/login", json={"token": "wrong"})
    assert (refused.status_code, refused.json()) == (401, UNAUTHORIZED)
    assert (await stranger.post("/api/auth/login", json={"token": TOKEN, "more": 1})).status_code == 400
    answer = await stranger.post("/api/auth/login", json={"token": TOKEN})
    assert (answer.status_code, answer.content) == (204, b"")
    cookie, *attributes = answer.headers["set-cookie"].split("; ")
    name, _, value = cookie.partition("=")
    assert name == f"gestalt_{urlsplit(system.url).port}"
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(attributes)
    assert TOKEN not in value
    stranger.cookies.clear()
    given = {"Cookie": cookie}
    assert (await stranger.get("/api/status", headers=given)).status_code == 200
    assert await upgraded(system, "/ws/events", given) == 101
    assert (await stranger.get("/api/status", headers=given | WRONG)).status_code == 401
    assert (await stranger.post("/api/auth/logout", headers=given)).status_code == 204
    assert (await stranger.get("/api/status", headers=given)).status_code == 401
    assert await upgraded(system, "/ws/events", given) == 401


async def test_a_ticket_opens_one_socket_once_and_no_rest(api: Api, system: Stack) -> None:
    answer = await api.http.post("/api/auth/ticket")
    assert (answer.status_code, set(answer.json())) == (200, {"ticket", "expires_in"})
    query = f"?ticket={answer.json()['ticket']}"
    async with httpx.AsyncClient(base_url=system.url, trust_env=False) as client:
        assert (await client.get(f"/api/status{query}")).status_code == 401
    assert await upgraded(system, f"/ws/events{query}", {}) == 101
    assert await upgraded(system, f"/ws/events{query}", {}) == 401


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "code"),
    [
        ("POST", "/no", STRANGE | EVIL, 401, "unauthorized"),
        ("POST", "/api/no", GOOD | STRANGE | EVIL, 421, "misdirected_request"),
        ("GET", "/api/status", GOOD | {"Host": ""}, 421, "misdirected_request"),
        ("GET", "/", STRANGE, 421, "misdirected_request"),
        ("POST", "/api/no", GOOD | EVIL | HUGE, 403, "forbidden"),
        ("DELETE", "/api/sessions/no", GOOD | {"Origin": "null"}, 403, "forbidden"),
        ("GET", "/api/events/stream", GOOD | EVIL, 403, "forbidden"),
        ("PUT", "/api/no", GOOD | HUGE, 404, "not_found"),
        ("PUT", "/api/sessions", GOOD | HUGE, 405, "method_not_allowed"),
        ("POST", "/api/sessions", GOOD | HUGE, 413, "payload_too_large"),
        ("PATCH", "/api/sessions/no", GOOD | HUGE, 413, "payload_too_large"),
        ("POST", "/api/sessions/no/input", GOOD | HUGE, 413, "payload_too_large"),
        ("POST", "/api/sessions/no/resize", GOOD | HUGE, 413, "payload_too_large"),
        ("POST", "/api/auth/login", HUGE, 413, "payload_too_large"),
    ],
)
async def test_the_first_refusal_in_the_order_of_the_contract_wins(
    system: Stack, method: str, path: str, headers: dict[str, str], status: int, code: str
) -> None:
    answered, fields, error = await asked(system, method, path, headers)
    assert (answered, error["code"]) == (status, code)
    assert set(error) == {"message", "error", "code"}
    assert error["message"] == error["error"]
    assert fields["x-request-id"]


@pytest.mark.parametrize("host", ["localhost", "localhost:1", "127.0.0.1:9", "[::1]:9", "127.9.9.9", "a.localhost"])
async def test_every_name_of_this_machine_is_served(system: Stack, host: str) -> None:
    assert (await asked(system, "GET", "/api/status", GOOD | {"Host": host}))[0] == 200


async def test_health_is_answered_under_any_host(system: Stack) -> None:
    for path in ("/healthz", "/readyz"):
        assert (await asked(system, "GET", path, STRANGE))[0] == 200


async def test_a_page_acts_only_on_its_own_host_and_port(system: Stack) -> None:
    own = {"Origin": system.url}
    assert (await asked(system, "POST", "/api/auth/ticket", GOOD | own))[0] == 200
    assert await upgraded(system, "/ws/events", GOOD | own) == 101
    for other in (
        system.url.replace("http:", "https:"),
        system.url + "1",
        system.url.replace("127.0.0.1", "localhost"),
    ):
        assert (await asked(system, "POST", "/api/auth/ticket", GOOD | {"Origin": other}))[0] == 403
        assert await upgraded(system, "/ws/events", GOOD | {"Origin": other}) == 403


async def test_a_body_whose_size_is_not_told_is_refused_when_it_is_too_large(api: Api) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield b" " * 65_536

    for path in ("/api/sessions", "/api/auth/logout", "/api/sessions/no/input"):
        answer = await api.http.post(path, content=endless())
        assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large")
        assert (await api.http.get("/api/status")).status_code == 200


async def test_programs_do_not_see_the_servers_token(api: Api) -> None:
    session = await api.create(["sh", "-c", "env -0 | tr '\\0' '\\n'; printf done; sleep 600"])
    async with api.viewer(session["uid"]) as viewer:
        await viewer.shows(b"done")
        seen = bytes(viewer.data)
    assert TOKEN.encode() not in seen
    given = dict(line.partition(b"=")[::2] for line in seen.split(b"\r\n"))
    assert given[b"GESTALT_TOKEN"].startswith(session["uid"].encode() + b".")
    assert b"REDIS_URL" not in given


async def test_answers_carry_the_request_id_that_was_asked_for(api: Api) -> None:
    for path in ("/api/status", "/api/no", "/healthz"):
        answer = await api.http.get(path, headers={"X-Request-Id": "mine-1"})
        assert answer.headers["x-request-id"] == "mine-1"


async def test_an_authorised_viewer_types(api: Api) -> None:
    session = await api.create(programs.echo())
    async with api.viewer(session["uid"]) as viewer:
        await viewer.shows(programs.BEGUN)
        await viewer.type(b"mine")
        await viewer.shows(b"mine")
