"""Who is asking: the server's token, a login cookie, a ticket, or a session's token (contract §2, Token)."""

from __future__ import annotations

import re
from contextlib import suppress

from msgspec import Struct

from gestalt_contracts.auth import bearer_of, same_token
from gestalt_contracts.errors import Unauthorized
from gestalt_gateway.credentials import Credentials, CredentialsUnavailable
from gestalt_gateway.query import secret
from gestalt_gateway.request import Request
from gestalt_gateway.routing import is_api
from gestalt_gateway.session_tokens import SessionTokens

COOKIES = 4  # login cookies looked at in one request: one for each gateway on a host is plenty
_COOKIE_NAME = re.compile(r"gestalt_\d{1,5}")


class Principal(Struct, frozen=True):
    """Who was recognised. `credential` names what a logout revokes; `session_uid` is whose session token it was.

    `confined`: the caller may do only what a session token opens. `service`: one of our own, acting for a flow.
    """

    credential: str
    session_uid: str | None = None
    confined: bool = False
    service: bool = False


ANYONE = Principal("anyone")
SERVER_TOKEN = Principal("token")
SERVICE = Principal("service", service=True)


def is_open(method: str, path: str) -> bool:
    """Whether this needs no credential: health, login, and the page with its assets."""
    if path in {"/healthz", "/readyz"}:
        return True
    if method == "POST" and path == "/api/auth/login":
        return True
    return method == "GET" and not is_api(path)


def login_cookies(request: Request) -> list[str]:
    """The values of our cookies, of whichever gateway on this host: a cookie is not bound to a port."""
    pairs = [
        part.strip().partition("=")
        for name, value in request.headers
        if name == b"cookie"
        for part in value.decode("latin-1").split(";")
    ]
    return [value for name, _, value in pairs if _COOKIE_NAME.fullmatch(name) and value][:COOKIES]


class Authenticator:
    """Recognises callers. Without a server token everyone may do everything, and session tokens only stamp.

    `internal`: what our own services present, to whom a server token is not given.
    """

    def __init__(
        self, token: str | None, credentials: Credentials, session_tokens: SessionTokens, *, internal: str = ""
    ) -> None:
        self._token = token
        self._internal = internal
        self._credentials = credentials
        self._session_tokens = session_tokens

    def is_token(self, given: str) -> bool:
        """Whether this is the server's token; without one, anything is."""
        return not self._token or same_token(given, self._token)

    async def principal(self, request: Request, *, from_browser: bool) -> Principal:
        """Who asks; `from_browser`: WebSockets and event streams, whose clients cannot set headers.

        Raises Unauthorized, and CredentialsUnavailable when that cannot be decided.
        """
        bearer = bearer_of(request.header(b"authorization"))
        if same_token(bearer, self._internal):
            return SERVICE
        if not self._token:
            return await self._unguarded(bearer)
        if bearer is not None:
            return await self._bearer(bearer)
        if from_browser and (known := await self._in_query(request.query)):
            return known
        for cookie in login_cookies(request):
            if credential := await self._credentials.login(cookie):
                return Principal(credential)
        raise Unauthorized

    async def _unguarded(self, bearer: str | None) -> Principal:
        """Where everybody is let in, a token that cannot be looked up keeps nobody out."""
        uid = None
        with suppress(CredentialsUnavailable):
            uid = await self._session_tokens.owner(bearer) if bearer else None
        return Principal(ANYONE.credential, session_uid=uid) if uid else ANYONE

    async def _bearer(self, bearer: str) -> Principal:
        if self.is_token(bearer):
            return SERVER_TOKEN
        if uid := await self._session_tokens.owner(bearer):
            return Principal(f"session:{uid}", session_uid=uid, confined=True)
        raise Unauthorized

    async def _in_query(self, query: bytes) -> Principal | None:
        """A token or ticket in the query decides once it is there."""
        token, ticket = secret(query, "token"), secret(query, "ticket")
        if token is not None:
            return await self._bearer(token)
        if ticket is None:
            return None
        credential = await self._credentials.redeem(ticket)
        if credential is None:
            raise Unauthorized
        return Principal(credential)
