"""The one place where requests are let in, in the contract's order: 401, 429, 421, 403, 404, 405, 413."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct

from gestalt_contracts.directory import DirectoryUnavailable
from gestalt_contracts.errors import Forbidden, GestaltError, Misdirected, PayloadTooLarge, Unavailable
from gestalt_gateway.auth import ANYONE, Authenticator, Principal, is_open
from gestalt_gateway.credentials import CredentialsUnavailable
from gestalt_gateway.hosts import HostRules
from gestalt_gateway.live_directory import LiveDirectory
from gestalt_gateway.query import stripped
from gestalt_gateway.rate import RateLimit
from gestalt_gateway.request import Request
from gestalt_gateway.routing import Kind, Limit, Route, Target, target_of
from gestalt_gateway.session_tokens import names_its_session, takes_a_stamp

HEALTH = frozenset({"/healthz", "/readyz"})
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Admitted(Struct, frozen=True):
    """A request that may go on: where to, for whom, and its query without credentials."""

    request: Request
    route: Route
    ref: str | None
    principal: Principal
    query: bytes
    body_limit: int


class Door:
    """Admits or refuses. `limits` are bytes of a request body."""

    def __init__(
        self,
        *,
        authenticator: Authenticator,
        hosts: HostRules,
        live: LiveDirectory,
        limits: Mapping[Limit, int],
        rate: RateLimit | None,
        clock: Callable[[], float],
    ) -> None:
        self._authenticator = authenticator
        self._hosts = hosts
        self._live = live
        self._limits = limits
        self._rate = rate
        self._clock = clock

    async def admit(self, request: Request) -> Admitted:
        """Let `request` in, or raise the GestaltError that refuses it."""
        target = target_of(request.path)
        principal = await self._authenticate(request, target)
        self._count(request, principal)
        self._check_host(request)
        self._check_origin(request, target)
        await self._check_confined(request, target, principal)
        if isinstance(target, GestaltError):
            raise target
        route = target.route(request.method)
        limit = self._limits[route.limit]
        _check_length(request, limit)
        return Admitted(request, route, target.ref, principal, stripped(request.query), limit)

    async def _authenticate(self, request: Request, target: Target | GestaltError) -> Principal:
        if is_open(request.method, request.path):
            return ANYONE
        try:
            return await self._authenticator.principal(request, from_browser=_from_browser(target))
        except CredentialsUnavailable as error:
            raise Unavailable("credential store unavailable", headers={"Retry-After": "1"}) from error

    def _count(self, request: Request, principal: Principal) -> None:
        if self._rate is not None and request.path not in HEALTH:
            caller = f"{principal.credential} {request.client}"
            self._rate.take(caller, self._clock())

    def _check_host(self, request: Request) -> None:
        if request.path not in HEALTH and not self._hosts.serves(request.host):
            raise Misdirected("this Host is not served here; GESTALT_ALLOWED_HOSTS lists further ones")

    def _check_origin(self, request: Request, target: Target | GestaltError) -> None:
        origin = request.header(b"origin")
        if origin is None or (request.method in SAFE_METHODS and not _from_browser(target) and not request.upgrade):
            return
        if not self._hosts.welcomes(origin.decode("latin-1"), request.host or ""):
            raise Forbidden("this Origin may not act here; GESTALT_ALLOWED_ORIGINS lists further ones")

    async def _check_confined(self, request: Request, target: Target | GestaltError, principal: Principal) -> None:
        if not principal.confined:
            return
        route = target.routes.get(request.method) if isinstance(target, Target) else None
        if route is not None and isinstance(target, Target):
            if takes_a_stamp(route):
                return
            if names_its_session(route) and await self._uid_of(target.ref or "") == principal.session_uid:
                return
        raise Forbidden("a session's token opens only its own session")

    async def _uid_of(self, ref: str) -> str | None:
        try:
            return await self._live.uid_of(ref)
        except DirectoryUnavailable as error:
            raise Unavailable("nobody knows now whose session that is", headers={"Retry-After": "1"}) from error


def _from_browser(target: Target | GestaltError) -> bool:
    """Whether a browser asks for this without being able to set headers."""
    return isinstance(target, Target) and (target.of_kind(Kind.SSE) or target.of_kind(Kind.WEBSOCKET))


def _check_length(request: Request, limit: int) -> None:
    length = request.header(b"content-length")
    if length is not None and length.isdigit() and int(length) > limit:
        raise too_large(limit)


def too_large(limit: int) -> PayloadTooLarge:
    """The refusal of a body over `limit` bytes."""
    return PayloadTooLarge(f"request body is over {limit} bytes")
