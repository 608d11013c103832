"""The bearer that services demand of one another (architecture §4), and how credentials are read and compared."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from gestalt_contracts.errors import Unauthorized

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

OPEN_PATHS = frozenset({"/healthz", "/readyz"})
"""What answers without the bearer: orchestrators have none."""

_SCHEME = "Bearer "
_POLICY_VIOLATION = 1008


def bearer_of(authorization: str | bytes | None) -> str | None:
    """The token of an Authorization header; None without one. The scheme is exact: `Bearer`, one space."""
    if isinstance(authorization, bytes):
        authorization = authorization.decode("utf-8", "surrogateescape")
    if authorization is None or not authorization.startswith(_SCHEME):
        return None
    return authorization[len(_SCHEME) :]


def same_token(given: str | None, expected: str) -> bool:
    """Whether two tokens are equal, in time that does not tell where they differ. Empty ones never are."""
    if not given or not expected:
        return False
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), expected.encode("utf-8", "surrogateescape"))


class InternalBearer:
    """ASGI middleware: 401 to whoever does not carry `token`, on every path but OPEN_PATHS, body unread.

    Raises ValueError for an empty token: a service must not be open by an empty setting.
    """

    def __init__(self, app: ASGIApp, token: str) -> None:
        if not token:
            raise ValueError("the internal token is empty: set GESTALT_INTERNAL_TOKEN or GESTALT_INTERNAL_TOKEN_FILE")
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what may pass, else refuse."""
        if scope["type"] not in {"http", "websocket"} or self._may_pass(scope):
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await _refuse(send, "http.response")
        else:
            await _refuse_websocket(scope, receive, send)

    def _may_pass(self, scope: Scope) -> bool:
        if scope["path"] in OPEN_PATHS:
            return True
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        return len(given) == 1 and same_token(bearer_of(given[0]), self._token)


async def _refuse_websocket(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()  # the handshake: a server may want it taken before it is answered
    if "websocket.http.response" in scope.get("extensions", {}):
        await _refuse(send, "websocket.http.response")
    else:
        await send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": "unauthorized"})


async def _refuse(send: Send, kind: str) -> None:
    refusal = Unauthorized()
    body = refusal.body()
    headers = {
        "content-type": "application/json; charset=utf-8",
        "content-length": str(len(body)),
        **{name.lower(): value for name, value in refusal.headers.items()},
    }
    encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": f"{kind}.start", "status": refusal.status, "headers": encoded})
    await send({"type": f"{kind}.body", "body": body})
