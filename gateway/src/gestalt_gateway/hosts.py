"""Which Host this gateway serves and which Origin may act on it (contract §2, Host and Origin). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import urlsplit

from msgspec import Struct

LONGEST = 300  # a host name has at most 253 characters
DEFAULT_PORTS = {"http": 80, "https": 443}


class Authority(Struct, frozen=True):
    """Host and port of a URL or a Host header, in lower case, IPv6 without brackets. `port` None: none was given."""

    host: str
    port: int | None = None

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can mean itself by it."""
        if self.host == "localhost" or self.host.endswith(".localhost"):
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False


@lru_cache(maxsize=256)
def authority_of(text: str) -> Authority | None:
    """Parse `host`, `host:port`, `[v6]:port`; None for what is none of them."""
    if len(text) > LONGEST:
        return None
    try:
        parts = urlsplit(f"//{text.strip()}")
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    clean = bool(host) and not (parts.path or parts.query or parts.fragment or "@" in parts.netloc or " " in text)
    return Authority(str(host), port) if clean else None


class Origin(Struct, frozen=True):
    """Scheme, host and effective port of a page."""

    scheme: str
    host: str
    port: int


def origin_of(text: str) -> Origin | None:
    """Parse an Origin header or a base URL; None for `null` and for anything that names no host."""
    scheme, mark, rest = text.strip().lower().partition("://")
    authority = authority_of(rest.removesuffix("/")) if mark else None
    port = authority and (authority.port or DEFAULT_PORTS.get(scheme))
    return Origin(scheme, authority.host, port) if authority and port else None


class HostRules:
    """Decides about Host and Origin.

    `allowed_hosts` without a port match every port; `allowed_origins` are whole origins; `public_url` is how the
    outside sees this gateway, and says the scheme behind TLS.
    """

    def __init__(
        self,
        *,
        bind: str,
        public_url: str | None = None,
        allowed_hosts: Iterable[str] = (),
        allowed_origins: Iterable[str] = (),
    ) -> None:
        named = [authority for text in (bind_authority(bind), *allowed_hosts) if (authority := authority_of(text))]
        self._public = origin_of(public_url) if public_url else None
        self._any_port = {authority.host for authority in named if authority.port is None}
        self._exact = {authority for authority in named if authority.port is not None}
        self._origins = {origin for text in allowed_origins if (origin := origin_of(text))}

    def serves(self, host: str | None) -> bool:
        """Whether a request with this Host header is meant for us."""
        authority = authority_of(host) if host else None
        if authority is None:
            return False
        known = authority.is_loopback or authority.host in self._any_port or authority in self._exact
        return known or self._is_public(authority)

    def welcomes(self, origin: str, host: str) -> bool:
        """Whether a page of `origin` may act here: it is Host's own, or an allowed one."""
        page = origin_of(origin)
        return page is not None and (page in self._origins or page == self._own(host))

    def scheme(self, host: str) -> str:
        """How a client that names this Host speaks to us: as the public URL says for its own, else plain http."""
        authority = authority_of(host)
        return self._public.scheme if self._public and authority and self._is_public(authority) else "http"

    def _own(self, host: str) -> Origin | None:
        authority = authority_of(host)
        if authority is None:
            return None
        scheme = self.scheme(host)
        port = authority.port or DEFAULT_PORTS.get(scheme)
        return Origin(scheme, authority.host, port) if port else None

    def _is_public(self, authority: Authority) -> bool:
        public = self._public
        if public is None or authority.host != public.host:
            return False
        return (authority.port or DEFAULT_PORTS.get(public.scheme)) == public.port


def bind_authority(bind: str) -> str:
    """A bind address as a Host header writes it: IPv6 in brackets, any port."""
    return f"[{bind}]" if ":" in bind else bind


def is_loopback_bind(bind: str) -> bool:
    """Whether listening there is reachable from this machine alone."""
    authority = authority_of(bind_authority(bind))
    return authority is not None and authority.is_loopback
