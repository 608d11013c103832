"""Every route there is: its methods, the headers of its answers, the one shape of its refusals (contract §1, §2)."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_asyncio

from tests.support.client import Api

pytestmark = pytest.mark.asyncio(loop_scope="module")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE")
CONTRACT = {
    "/api/sessions": {"GET", "POST"},
    "/api/sessions/{id}": {"GET", "PATCH", "DELETE"},
    "/api/sessions/{id}/input": {"POST"},
    "/api/sessions/{id}/input-history": {"GET", "POST"},
    "/api/workers/{id}": {"PATCH"},
    "/api/flow/config": {"GET", "PUT"},
    "/api/otel/logs": {"GET", "POST"},
    "/ws/session/{id}": {"GET"},
    "/api/events/stream": {"GET"},
    "/api/auth/ticket": {"POST"},
}

Routes = dict[str, set[str]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def routes(api: Api) -> Routes:
    """Methods by path, as the system describes itself."""
    described = (await api.get("/openapi.json"))["paths"]
    return {path: {method.upper() for method in operations} for path, operations in described.items()}


def path_of(template: str) -> str:
    """A path of that form, of nothing that exists."""
    return "/".join("none" if word.startswith("{") else word for word in template.split("/"))


def check_refusal(answer: Any, code: str) -> None:
    """One shape, whoever refuses."""
    body = answer.json()
    assert set(body) == {"message", "error", "code"}, answer.request.url
    assert (body["error"], body["code"]) == (body["message"], code), answer.request.url
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store, must-revalidate"
    assert answer.headers["x-request-id"]


async def test_the_description_has_the_methods_of_the_contract(routes: Routes) -> None:
    assert {path: routes[path] for path in CONTRACT} == CONTRACT


async def test_every_other_method_of_every_route_is_refused_with_those_there_are(api: Api, routes: Routes) -> None:
    for template, methods in routes.items():
        for method in set(METHODS) - methods:
            answer = await api.http.request(method, path_of(template))
            assert answer.status_code == 405, f"{method} {template}"
            assert set(answer.headers["allow"].split(", ")) == methods, f"{method} {template}"
            if method != "HEAD":
                check_refusal(answer, "method_not_allowed")


async def test_every_route_of_a_session_that_does_not_exist_is_not_found_or_badly_asked(
    api: Api, routes: Routes
) -> None:
    ours = [(method, path) for path in routes if path.startswith("/api/sessions/{id}") for method in routes[path]]
    for method, template in ours:
        answer = await api.http.request(method, path_of(template))
        assert answer.status_code in {400, 404}, f"{method} {template}"
        check_refusal(answer, {400: "invalid_request", 404: "not_found"}[answer.status_code])


async def test_a_websocket_that_is_asked_for_without_an_upgrade_is_a_bad_request(api: Api, routes: Routes) -> None:
    sockets = [path for path in routes if path.startswith("/ws/") or path.endswith("/events")]
    assert len(sockets) == 6
    for template in sockets:
        answer = await api.http.get(path_of(template))
        assert answer.status_code == 400, template
        check_refusal(answer, "invalid_request")
