"""What the gateway answers itself: health, metrics, documents, and the list while no worker is there."""

from __future__ import annotations

import re
from typing import Any

from gateway_world import EchoApp, World, answer, eventually
from msgspec.structs import replace

from gestalt_gateway.openapi import merged
from gestalt_gateway.routing import ROUTES


async def test_readiness_says_which_part_fails(world: World) -> None:
    gateway = await world.gateway()
    assert (await gateway.client.get("/readyz")).json()["failing"] == ["session-service"]
    await world.worker()
    await eventually(lambda: gateway.app._live.workers_alive)
    ready = (await gateway.client.get("/readyz")).json()
    assert (ready["ready"], ready["failing"], ready["checks"]["flow-service"]) == (True, [], "absent")
    world.directory.away = True
    assert (await gateway.client.get("/readyz")).json()["failing"] == ["redis"]
    assert (await gateway.client.get("/healthz")).status_code == 200


async def test_metrics_count_by_template_and_never_by_path(world: World) -> None:
    await world.session(await world.worker())
    gateway = await world.gateway()
    await gateway.client.get("/api/sessions/Shell%201/output")
    await gateway.client.get("/api/secret-path")
    text = (await gateway.client.get("/metrics")).text
    assert 'requests_total{method="GET",route="/api/sessions/{id}/output",status="200"} 1.0' in text
    assert 'requests_total{method="GET",route="unknown",status="404"} 1.0' in text
    assert "gestalt_gateway_workers 1.0" in text
    assert "secret-path" not in text
    assert "Shell" not in text


async def test_the_documentation_runs_no_script_of_another_origin_and_none_inline(world: World) -> None:
    gateway = await world.gateway()
    page = await gateway.client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert re.findall(r"<script[^>]*>([^<]*)</script>", page.text) == [""]
    assert "//" not in page.text
    for asset in re.findall(r'(?:src|href)="(/docs/[^"]+)"', page.text):
        assert (await gateway.client.get(asset)).status_code == 200
    assert (await gateway.client.get("/docs/nothing.js")).status_code == 404


async def test_the_description_has_every_route_and_what_services_say_of_theirs(world: World) -> None:
    app = EchoApp()

    async def describe(scope: Any, _receive: Any, send: Any) -> None:
        assert [b"authorization", b"Bearer internal-secret"] in [list(pair) for pair in scope["headers"]]
        body = b'{"paths":{"/api/sessions/{session_id}/output":{"get":{"summary":"The last lines"}},"/private":{}}}'
        await answer(send, 200, body)

    app.http = describe
    await world.worker(app)
    world.services["flow"] = "127.0.0.1:1"
    gateway = await world.gateway()
    document = (await gateway.client.get("/openapi.json")).json()
    assert all(route.method.lower() in document["paths"][route.template] for route in ROUTES)
    assert document["paths"]["/api/sessions/{id}/output"]["get"]["summary"] == "The last lines"
    assert "/private" not in document["paths"]


def test_a_service_that_describes_itself_badly_does_no_harm() -> None:
    plain = merged([])
    for strange in ({}, {"paths": {"/api/status": {}}}, {"paths": {"/api/status": {"get": []}}}):
        assert merged([strange]) == plain


async def test_the_page_says_what_this_is(world: World) -> None:
    gateway = await world.gateway()
    page = await gateway.client.get("/")
    assert "Gestalt" in page.text  # whether a dashboard is built here or not
    assert page.headers["x-frame-options"] == "DENY"
    assert (await gateway.client.get("/nothing")).status_code == 404


async def test_without_a_worker_the_list_comes_from_the_directory(world: World) -> None:
    record = await world.session(await world.registered(1))
    gateway = await world.gateway()
    summary = {"id": "Shell 1", "uid": "uid-1"}
    worker = (await world.directory.workers())[0]
    await world.directory.write(worker, [replace(record, summary=summary)])
    listed = await gateway.client.get("/api/sessions")
    assert (listed.status_code, listed.json()) == (200, [summary])
    world.clock.now += 60
    listed = await gateway.client.get("/api/sessions")
    assert listed.json() == [{**summary, "status": "unreachable"}]
    assert (await gateway.client.post("/api/sessions", json={})).json()["code"] == "service_unavailable"
