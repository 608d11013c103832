"""Who is let in, and the order in which the others are turned away."""

from __future__ import annotations

import asyncio

import pytest
from gateway_world import INTERNAL, World, eventually

from gestalt_contracts.session_tokens import hash_of, new_token
from gestalt_contracts.uids import new_uid
from gestalt_gateway.routing import ROUTES, Kind, Route, Upstream
from gestalt_gateway.session_tokens import OF_THEIR_SESSION, STAMPED

TOKEN = "t0ken"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
EVIL_HOST = {"Host": "evil.example"}
EVIL_ORIGIN = {"Origin": "http://evil.example"}
HUGE = {"Content-Length": str(1 << 40)}
OPEN = {"/healthz", "/readyz", "/api/auth/login"}


def path_of(route: Route) -> str:
    return "/".join("x" if word.startswith("{") else word for word in route.template.split("/"))


class Tokens:
    """One session's token."""

    async def owner(self, token: str) -> str | None:
        return "uid-1" if token == "uid-1.random" else None


async def test_every_route_turns_away_in_the_contracts_order(world: World) -> None:
    gateway = await world.gateway(token=TOKEN)
    for route in ROUTES:
        if route.template in OPEN:
            continue
        path = path_of(route)
        acts = route.method != "GET" or route.kind in {Kind.SSE, Kind.WEBSOCKET}

        async def status(method: str = route.method, path: str = path, **headers: str) -> int:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            request = gateway.stranger.build_request(method, path, headers=named)
            return (await gateway.stranger.send(request)).status_code

        assert await status(**EVIL_HOST, **EVIL_ORIGIN) == 401
        assert await status(**BEARER, **EVIL_HOST, **EVIL_ORIGIN) == 421
        assert await status(**BEARER, **EVIL_ORIGIN) == 403 if acts else True
        assert await status("OPTIONS", **BEARER) == 405
        assert await status(path=path + "/nope/nope/nope", **BEARER) == 404 or route.kind is Kind.WEBSOCKET
        raw = {"Authorization": BEARER["Authorization"], "Content-Length": HUGE["Content-Length"]}
        assert await raw_status(gateway, route.method, path, raw) == 413


async def raw_status(gateway: object, method: str, path: str, headers: dict[str, str]) -> int:
    reader, writer = await gateway.connect()  # type: ignore[attr-defined]
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *(f"{name}: {value}" for name, value in headers.items())]
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
    status = int((await reader.readline()).split()[1])
    writer.close()
    return status


async def test_unknown_paths_are_401_before_they_are_404(world: World) -> None:
    gateway = await world.gateway(token=TOKEN)
    refused = await gateway.stranger.get("/api/nope")
    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
    assert refused.json() == {"message": "unauthorized", "error": "unauthorized", "code": "unauthorized"}
    assert (await gateway.client.get("/api/nope")).status_code == 404


async def test_health_login_and_the_page_need_no_token(world: World) -> None:
    gateway = await world.gateway(token=TOKEN)
    assert (await gateway.stranger.get("/healthz", headers=EVIL_HOST)).status_code == 200
    assert (await gateway.stranger.get("/readyz", headers=EVIL_HOST)).status_code == 503
    assert (await gateway.stranger.get("/")).status_code == 200
    assert (await gateway.stranger.get("/nothing")).status_code == 404
    assert (await gateway.stranger.get("/", headers=EVIL_HOST)).status_code == 421
    assert (await gateway.stranger.post("/")).status_code == 401
    assert (await gateway.stranger.get("/api/auth/login")).status_code == 401
    for path in ("/docs", "/metrics", "/openapi.json"):
        assert (await gateway.stranger.get(path)).status_code == 401
        assert (await gateway.client.get(path)).status_code == 200


async def test_a_bearer_decides_once_it_is_there(world: World) -> None:
    await world.worker()
    gateway = await world.gateway(token=TOKEN)
    for header in ("Bearer wrong", "Bearer  t0ken"):
        refused = await gateway.stranger.get("/api/events/stream?token=t0ken", headers={"Authorization": header})
        assert refused.status_code == 401
    for header in ("bearer t0ken", "Basic x"):
        allowed = await gateway.stranger.get("/api/events/stream?token=t0ken", headers={"Authorization": header})
        assert allowed.status_code == 200


async def test_a_token_in_the_query_opens_streams_but_not_rest(world: World) -> None:
    await world.worker()
    gateway = await world.gateway(token=TOKEN)
    assert (await gateway.stranger.get("/api/status?token=t0ken")).status_code == 401
    assert (await gateway.stranger.get("/api/events/stream?token=wrong")).status_code == 401
    assert (await gateway.stranger.get("/api/events/stream?token=t0%6Ben")).status_code == 200
    assert (await gateway.stranger.get("/api/events/stream?token=")).status_code == 401


async def test_a_login_opens_rest_on_every_gateway_until_it_is_ended(world: World) -> None:
    await world.worker()
    one, two = await world.gateway(token=TOKEN), await world.gateway(token=TOKEN)
    assert (await one.stranger.post("/api/auth/login", json={"token": "wrong"})).status_code == 401
    assert (await one.stranger.post("/api/auth/login", json={"tokn": TOKEN})).status_code == 400
    assert (await one.stranger.post("/api/auth/login", content=b"[")).status_code == 400
    assert (await one.stranger.post("/api/auth/login", json={"token": TOKEN}, headers=EVIL_ORIGIN)).status_code == 403
    login = await one.stranger.post("/api/auth/login", json={"token": TOKEN})
    cookie = login.headers["set-cookie"]
    assert login.status_code == 204
    assert cookie.startswith(f"gestalt_{one.port}=")
    assert all(word in cookie for word in ("HttpOnly", "SameSite=Strict", "Path=/"))
    mine = {"Cookie": cookie.partition(";")[0]}
    assert (await two.stranger.get("/api/status", headers=mine)).status_code == 200
    assert (await two.stranger.get("/api/status", headers={"Cookie": "gestalt_1=nonsense"})).status_code == 401
    ended = await two.stranger.post("/api/auth/logout", headers=mine)
    assert ended.status_code == 204
    assert "Max-Age=0" in ended.headers["set-cookie"]
    assert (await one.stranger.get("/api/status", headers=mine)).status_code == 401


async def test_a_ticket_opens_one_stream_once_and_no_rest(world: World) -> None:
    await world.worker()
    gateway = await world.gateway(token=TOKEN)
    given = (await gateway.client.post("/api/auth/ticket")).json()
    assert given["expires_in"] == 30
    path = f"/api/events/stream?ticket={given['ticket']}"
    assert (await gateway.stranger.get(path.replace("events/stream", "status"))).status_code == 401
    assert (await gateway.stranger.get(path)).status_code == 200
    assert (await gateway.stranger.get(path)).status_code == 401
    late = (await gateway.client.post("/api/auth/ticket")).json()["ticket"]
    world.clock.now += 31
    assert (await gateway.stranger.get(f"/api/events/stream?ticket={late}")).status_code == 401


async def test_a_sessions_token_opens_its_own_session_and_nothing_else(world: World) -> None:
    worker = await world.worker()
    await world.session(worker)
    await world.session(worker, uid="uid-2", name="Shell 2")
    world.services["telemetry"] = worker.address
    gateway = await world.gateway(token=TOKEN, session_tokens=Tokens())
    mine = {"Authorization": "Bearer uid-1.random"}
    for route in ROUTES:
        status = (
            await gateway.stranger.request(route.method, route.template.replace("{id}", "Shell 1"), headers=mine)
        ).status_code
        opened = (route.method, route.template) in OF_THEIR_SESSION | STAMPED
        assert (status != 403) == (opened or route.template in OPEN), route
    assert (await gateway.stranger.get("/api/sessions/Shell%202", headers=mine)).status_code == 403
    assert (await gateway.stranger.get("/api/nope", headers=mine)).status_code == 403
    assert (await gateway.stranger.get("/api/sessions/uid-1", headers=mine)).status_code == 200
    stamped = (await gateway.stranger.post("/v1/logs", headers=mine, content=b"{}")).json()
    assert ["x-gestalt-session", "uid-1"] in stamped["headers"]


async def test_the_directory_knows_whose_token_it_is(world: World) -> None:
    worker = await world.worker()
    gateway = await world.gateway(token=TOKEN)
    uid, other = new_uid(), new_uid()
    token = new_token(uid)
    name = await world.directory.claim(worker, uid, "Coder", only=True, created_at=1.0, token_hash=hash_of(token))
    path = f"/api/sessions/{name}"

    async def status(bearer: str, path: str = path) -> int:
        return (await gateway.stranger.get(path, headers={"Authorization": f"Bearer {bearer}"})).status_code

    assert await status(token) == 200
    assert await status(new_token(uid)) == 401
    assert await status(new_token(other)) == 401
    assert await status(uid) == 401
    await world.directory.end(worker, uid, keep_seconds=60)
    await world.directory.claim(worker, other, "Coder", only=True, created_at=2.0)
    assert await status(token) == 403
    assert await status(new_token(other)) == 401
    world.directory.away = True
    assert await status(token, f"/api/sessions/{uid}") in {200, 503}
    assert await status(new_token(new_uid())) == 503
    assert await status("none of ours") == 401


async def test_without_a_server_token_a_sessions_token_only_stamps(world: World) -> None:
    await world.worker()
    gateway = await world.gateway(session_tokens=Tokens())
    asked = (await gateway.client.get("/api/status", headers={"Authorization": "Bearer uid-1.random"})).json()
    assert ["x-gestalt-session", "uid-1"] in asked["headers"]
    assert (await gateway.client.get("/api/status", headers={"Authorization": "Bearer other"})).status_code == 200


async def test_a_foreign_origin_may_read_but_not_act(world: World) -> None:
    await world.worker()
    gateway = await world.gateway(allowed_origins=["https://page.example"])
    assert (await gateway.client.get("/api/status", headers=EVIL_ORIGIN)).status_code == 200
    assert (await gateway.client.get("/api/events/stream", headers=EVIL_ORIGIN)).status_code == 403
    assert (await gateway.client.post("/api/sessions", headers=EVIL_ORIGIN)).status_code == 403
    assert (await gateway.client.post("/api/sessions", headers={"Origin": "https://page.example"})).status_code == 200
    assert (await gateway.client.post("/api/sessions", headers={"Origin": gateway.url})).status_code == 200


async def test_the_rate_limit_says_when_to_come_back_and_spares_health(world: World) -> None:
    await world.worker()
    gateway = await world.gateway(rate_limit=2)
    statuses = [(await gateway.client.get("/api/status")).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    refused = await gateway.client.get("/api/status")
    assert (refused.headers["retry-after"], refused.json()["code"]) == ("1", "rate_limited")
    assert (await gateway.client.get("/healthz")).status_code == 200
    world.clock.now += 1
    assert (await gateway.client.get("/api/status")).status_code == 200


async def test_two_host_headers_are_one_too_many(world: World) -> None:
    gateway = await world.gateway()
    assert await raw_status(gateway, "GET", "/api/status", {"host": "evil.example"}) in {400, 421}


async def test_what_is_no_http_is_refused_in_the_shape_of_errors(world: World) -> None:
    gateway = await world.gateway()
    reader, writer = await gateway.connect()
    writer.write(b"NONSENSE\r\n\r\n")
    answer = await reader.read()
    assert b"400 Bad Request" in answer
    assert b'"code":"invalid_request"' in answer
    writer.close()


async def test_a_head_without_end_is_refused(world: World) -> None:
    gateway = await world.gateway()
    reader, writer = await gateway.connect()
    writer.write(b"GET / HTTP/1.1\r\n" + b"X-Long: " + b"x" * 8000)
    for _ in range(20):
        writer.write(b"\r\nX-Long: " + b"x" * 8000)
    assert b"400 Bad Request" in await reader.readline()
    writer.close()


async def test_a_half_open_connection_is_dropped(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gestalt_gateway.http_protocol.HEAD_SECONDS", 0.05)
    gateway = await world.gateway()
    for half in (b"", b"GET /api/status HTTP/1.1\r\nHost: loc"):
        reader, writer = await gateway.connect()
        writer.write(half)
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()
    await eventually(lambda: not gateway.server.server_state.connections)


def test_every_upstream_has_a_route() -> None:
    assert {route.upstream for route in ROUTES} == set(Upstream) - {Upstream.PAGE}


async def test_our_own_services_may_act_and_only_they_name_a_cause(world: World) -> None:
    await world.worker()
    cause = {"X-Gestalt-Cause": '{"event_id": "e", "depth": 3}'}
    guarded, open_door = await world.gateway(token=TOKEN), await world.gateway()
    internal = {"Authorization": f"Bearer {INTERNAL}"}
    for gateway in (guarded, open_door):
        named = (await gateway.stranger.get("/api/status", headers={**internal, **cause})).json()["headers"]
        assert ["x-gestalt-cause", cause["X-Gestalt-Cause"]] in named
    token = {"Authorization": f"Bearer {TOKEN}"}
    huge = {"X-Gestalt-Cause": "x" * 5_000}
    for gateway, headers in ((guarded, {**token, **cause}), (open_door, cause), (guarded, {**internal, **huge})):
        forged = (await gateway.stranger.get("/api/status", headers=headers)).json()["headers"]
        assert not [name for name, _ in forged if name == "x-gestalt-cause"]
    assert (await guarded.stranger.get("/api/status", headers=cause)).status_code == 401
