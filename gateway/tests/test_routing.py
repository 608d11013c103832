"""The route table: what each path means."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gestalt_contracts.errors import GestaltError, MethodNotAllowed
from gestalt_gateway.routing import ROUTES, Kind, Target, Upstream, decoded, is_api, target_of


def found(path: str) -> Target:
    target = target_of(decoded(path.encode()))
    assert isinstance(target, Target), path
    return target


def refused(path: str) -> tuple[int, str]:
    refusal = target_of(decoded(path.encode()))
    assert isinstance(refusal, GestaltError), path
    return refusal.status, refusal.message


@pytest.mark.parametrize(
    "path",
    ["/api", "/api/", "/api/nope", "/api/status/", "/ws", "/ws/nothing", "/v1/", "/v1/profiles", "/api//status",
     "/api/auth", "/docs/a/b", "/%61pi/nope"],
)  # fmt: skip
def test_unknown_paths_of_the_api_are_not_found(path: str) -> None:
    assert refused(path) == (404, "not found")


@pytest.mark.parametrize("path", ["/api/sessions/", "/api/sessions/%20", "/api/sessions/%20/output", "/api/sessions//"])
def test_a_blank_id_is_a_bad_request(path: str) -> None:
    assert refused(path) == (400, "missing terminal id")


@pytest.mark.parametrize(
    "path", ["/api/sessions/a/nope", "/api/sessions/a/output/x", "/api/sessions/a%2Foutput%2Fx", "/api/sessions/a//"]
)
def test_an_unknown_action_is_an_unknown_terminal(path: str) -> None:
    assert refused(path) == (404, "terminal not found")


def test_ids_are_decoded_and_a_plus_is_a_plus() -> None:
    assert found("/api/sessions/C%23%2050%25%201/output").ref == "C# 50% 1"
    assert found("/api/sessions/a+b").ref == "a+b"
    assert found("/api/sessions/%C3%A9").ref == "é"
    assert found("/api/sessions/%FF").ref == "\ufffd"


def test_one_trailing_slash_is_tolerated_on_session_routes_alone() -> None:
    assert found("/api/sessions/a/").template == "/api/sessions/{id}"
    assert found("/api/sessions/a/input/").template == "/api/sessions/{id}/input"
    assert refused("/api/sessions/a/input//")[0] == 404


def test_streams_of_all_sessions_are_no_session_ids() -> None:
    assert found("/api/sessions/events").of_kind(Kind.WEBSOCKET)
    assert found("/api/sessions/stream").of_kind(Kind.SSE)
    assert found("/api/agents/events").of_kind(Kind.WEBSOCKET)
    assert found("/api/agents/coder").ref == "coder"


def test_whatever_follows_the_session_socket_is_an_id() -> None:
    assert found("/ws/session/Coder%201").ref == "Coder 1"
    assert found("/ws/session/Coder%201/").ref == "Coder 1/"


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/api/sessions", "GET, POST"),
        ("/api/sessions/a", "GET, PATCH, DELETE"),
        ("/api/sessions/a/input", "POST"),
        ("/api/sessions/a/input-history", "GET, POST"),
        ("/api/flow/config", "GET, PUT"),
        ("/api/otel/logs", "GET, POST"),
        ("/api/workers/w1", "PATCH"),
        ("/ws/session/a", "GET"),
        ("/healthz", "GET"),
        ("/", "GET"),
    ],
)
def test_allow_lists_exactly_the_methods_there_are(path: str, allow: str) -> None:
    for method in ("OPTIONS", "HEAD", "TRACE"):
        with pytest.raises(MethodNotAllowed) as refusal:
            found(path).route(method)
        assert refusal.value.headers == {"Allow": allow}


def test_every_route_is_found_by_its_own_path() -> None:
    for route in ROUTES:
        path = "/".join("x" if word.startswith("{") else word for word in route.template.split("/"))
        target = found(path)
        assert target.route(route.method) is route
        assert is_api(path) or route.upstream is Upstream.GATEWAY


def test_everything_else_is_the_page() -> None:
    for path in ("/", "/index.html", "/assets/app.js", "/apix", "/sessions/1"):
        assert found(path).route("GET").upstream is Upstream.PAGE
        assert not is_api(path)


@given(st.text(max_size=40))
def test_no_path_breaks_it_and_none_leaves_the_api_by_disguise(tail: str) -> None:
    path = decoded(b"/api/" + tail.encode("utf-8", "surrogatepass"))
    assert is_api(path)
    target = target_of(path)
    assert isinstance(target, GestaltError) or target.template != "/{page}"
