from typing import Any

import pytest

from gestalt_contracts.auth import InternalBearer, Receive, Scope, Send, bearer_of, same_token


@pytest.mark.parametrize("header", [None, "", "bearer x", "Basic x", "Bearer", "BearerX y", b"\xff", "Token Bearer x"])
def test_another_scheme_carries_no_token(header: str | bytes | None) -> None:
    assert bearer_of(header) is None


@pytest.mark.parametrize(
    ("header", "token"), [("Bearer x", "x"), (b"Bearer x y", "x y"), ("Bearer  x", " x"), ("Bearer ", "")]
)
def test_a_bearer_is_what_follows_one_space(header: str | bytes, token: str) -> None:
    assert bearer_of(header) == token


@pytest.mark.parametrize(("given", "expected"), [(None, "a"), ("", ""), ("", "a"), ("a", ""), ("a", "b"), ("a", "aa")])
def test_different_or_empty_tokens_are_not_the_same(given: str | None, expected: str) -> None:
    assert not same_token(given, expected)


def test_equal_tokens_are_the_same_also_beyond_ascii() -> None:
    assert same_token(bearer_of("Bearer grün".encode()), "grün")
    assert same_token(bearer_of(b"Bearer \xff"), "\udcff")


def test_an_empty_internal_token_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="GESTALT_INTERNAL_TOKEN"):
        InternalBearer(inner, "")


async def inner(scope: Scope, _: Receive, send: Send) -> None:
    await send({"type": "passed", "path": scope["path"]})


async def messages_of(scope: Scope) -> list[dict[str, Any]]:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    await InternalBearer(inner, "secret")(scope, receive, send)
    return sent


def request(path: str, *authorizations: bytes, kind: str = "http", **more: Any) -> Scope:
    return {"type": kind, "path": path, "headers": [(b"authorization", word) for word in authorizations], **more}


@pytest.mark.parametrize("path", ["/api/sessions", "/", "/metrics", "/healthz/", "/readyz/../api", "/nothing"])
@pytest.mark.parametrize("words", [(), (b"Bearer wrong",), (b"secret",), (b"Bearer wrong", b"Bearer secret")])
async def test_http_without_the_bearer_is_401_on_every_other_path(path: str, words: tuple[bytes, ...]) -> None:
    start, body = await messages_of(request(path, *words))
    assert start["status"] == 401
    assert (b"www-authenticate", b"Bearer") in start["headers"]
    assert body["body"] == b'{"message":"unauthorized","error":"unauthorized","code":"unauthorized"}\n'


async def test_a_websocket_without_the_bearer_is_401_where_the_server_can_say_so() -> None:
    scope = request("/ws/events", kind="websocket", extensions={"websocket.http.response": {}})
    start, body = await messages_of(scope)
    assert (start["type"], start["status"]) == ("websocket.http.response.start", 401)
    assert body["type"] == "websocket.http.response.body"


async def test_a_websocket_without_the_bearer_is_closed_where_it_cannot() -> None:
    (close,) = await messages_of(request("/ws/events", kind="websocket"))
    assert (close["type"], close["code"]) == ("websocket.close", 1008)


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_health_answers_without_the_bearer(path: str) -> None:
    assert await messages_of(request(path)) == [{"type": "passed", "path": path}]


@pytest.mark.parametrize("kind", ["http", "websocket"])
async def test_the_bearer_opens_every_path(kind: str) -> None:
    assert await messages_of(request("/api/x", b"Bearer secret", kind=kind)) == [{"type": "passed", "path": "/api/x"}]


async def test_the_lifespan_needs_no_bearer() -> None:
    assert await messages_of({"type": "lifespan", "path": ""}) == [{"type": "passed", "path": ""}]
