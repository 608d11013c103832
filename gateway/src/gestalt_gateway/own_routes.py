"""The routes this gateway answers itself: health, metrics, documents, login."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
from msgspec import Struct

from gestalt_contracts.errors import InvalidRequest, NotFound, Unauthorized
from gestalt_gateway import static_files
from gestalt_gateway.answers import Answer, json_answer, no_content
from gestalt_gateway.auth import Authenticator, login_cookies
from gestalt_gateway.credentials import TICKET_SECONDS, Credentials, CredentialsUnavailable
from gestalt_gateway.door import Admitted
from gestalt_gateway.metrics import Metrics
from gestalt_gateway.openapi import Documents
from gestalt_gateway.readiness import Readiness
from gestalt_gateway.upstreams import unavailable
from gestalt_serving.metrics import TEXT_TYPE

T = TypeVar("T", bound=Struct)


class LoginBody(Struct, forbid_unknown_fields=True):
    """What login takes."""

    token: str = ""


class Empty(Struct, forbid_unknown_fields=True):
    """What logout and ticket take: nothing."""


def parsed(body: bytes, kind: type[T]) -> T:
    """A JSON body; empty and `null` are `{}`. Raises InvalidRequest."""
    try:
        return msgspec.json.decode(b"{}" if body.strip() in {b"", b"null"} else body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest("invalid request body") from error


class Cookie(Struct, frozen=True):
    """How the login cookie looks. `name` carries the port, since cookies span ports."""

    name: str
    seconds: int
    secure: bool

    def header(self, value: str) -> dict[str, str]:
        """The header that gives a browser the cookie; an empty value takes it away."""
        age = self.seconds if value else 0
        secure = "; Secure" if self.secure else ""
        return {"Set-Cookie": f"{self.name}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Strict{secure}"}


class OwnRoutes:
    """Answers by method and template."""

    def __init__(
        self,
        *,
        authenticator: Authenticator,
        credentials: Credentials,
        cookie: Callable[[], Cookie],
        readiness: Readiness,
        metrics: Metrics,
        documents: Documents,
    ) -> None:
        self._authenticator = authenticator
        self._credentials = credentials
        self._cookie = cookie
        self._readiness = readiness
        self._metrics = metrics
        self._documents = documents
        self._shown: dict[str, Callable[[], Awaitable[Answer]]] = {
            "/healthz": self._healthz,
            "/readyz": self._readyz,
            "/metrics": self._metrics_text,
            "/openapi.json": self._openapi,
        }
        self._done: dict[str, Callable[[Admitted, bytes], Awaitable[Answer]]] = {
            "/api/auth/login": self._login,
            "/api/auth/logout": self._logout,
            "/api/auth/ticket": self._ticket,
        }

    async def answer(self, admitted: Admitted, body: bytes) -> Answer:
        """Answer one of our own routes. Raises GestaltError."""
        template = admitted.route.template
        if template.startswith("/docs"):
            return _document(admitted.ref or "docs.html")
        if template in self._shown:
            return await self._shown[template]()
        try:
            return await self._done[template](admitted, body)
        except CredentialsUnavailable as error:
            raise unavailable("credential store unavailable") from error

    async def _healthz(self) -> Answer:
        return json_answer({"status": "ok"})

    async def _readyz(self) -> Answer:
        report = await self._readiness.report()
        return json_answer(report, status=200 if report["ready"] else 503)

    async def _metrics_text(self) -> Answer:
        return Answer(200, self._metrics.service.text(), TEXT_TYPE.encode(), [(b"cache-control", b"no-store")])

    async def _openapi(self) -> Answer:
        return json_answer(await self._documents.merged())

    async def _login(self, _: Admitted, body: bytes) -> Answer:
        given = parsed(body, LoginBody)
        if not self._authenticator.is_token(given.token):
            raise Unauthorized
        return no_content(self._cookie().header(await self._credentials.open_login()))

    async def _logout(self, admitted: Admitted, body: bytes) -> Answer:
        parsed(body, Empty)
        for cookie in login_cookies(admitted.request):
            await self._credentials.close_login(cookie)
        return no_content(self._cookie().header(""))

    async def _ticket(self, admitted: Admitted, body: bytes) -> Answer:
        parsed(body, Empty)
        ticket = await self._credentials.issue_ticket(admitted.principal.credential)
        return json_answer({"ticket": ticket, "expires_in": TICKET_SECONDS})


def _document(name: str) -> Answer:
    answer = static_files.document(name)
    if answer is None:
        raise NotFound("not found")
    return answer
