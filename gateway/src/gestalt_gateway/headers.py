"""What happens to headers on their way through: pairs of bytes, names in lower case, repeats kept. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

Headers = list[tuple[bytes, bytes]]

HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
"""Of one connection, not of the message (RFC 9110 §7.6.1)."""

OURS = frozenset(
    {
        b"authorization",  # the client's credential ends here; the service gets the internal bearer
        b"cookie",  # likewise: no service knows our login sessions
        b"expect",  # answered by this server
        b"host",  # goes on as X-Forwarded-Host
        b"x-request-id",  # ours, which may be the client's
        b"traceparent",  # likewise: the span that a service's is a child of is the gateway's
        b"forwarded",
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-forwarded-proto",
        b"x-forwarded-prefix",
        b"x-real-ip",
    }
)
"""Said by this gateway alone: a client's own are dropped."""

PRIVATE_PREFIX = b"x-gestalt-"
"""Between gateway and services: never taken from a client, never shown to one."""

ANSWERED_HERE = frozenset({b"date", b"server", b"x-request-id", b"x-content-type-options"})
"""Response headers that this server sets itself."""

API_HEADERS: Headers = [(b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store, must-revalidate")]
_REQUEST_ID = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._:/+=@-]{0,127}")


def named_by_connection(headers: Headers) -> set[bytes]:
    """The further hop-by-hop headers that `Connection` lists."""
    values = [value for name, value in headers if name == b"connection"]
    return {word.strip().lower() for value in values for word in value.split(b",")} if values else set()


def first(headers: Headers, name: bytes) -> bytes | None:
    """The first value of a header."""
    return next((value for key, value in headers if key == name), None)


def request_id(headers: Headers) -> bytes | None:
    """The client's request id if it is one that logs can carry."""
    value = first(headers, b"x-request-id")
    return value if value and _REQUEST_ID.fullmatch(value) else None


def onward(headers: Headers, added: Iterable[tuple[bytes, bytes]]) -> Headers:
    """A request's headers for the service: end to end ones as they came, then ours."""
    dropped = HOP_BY_HOP | OURS | named_by_connection(headers)
    kept = [pair for pair in headers if pair[0] not in dropped and not pair[0].startswith(PRIVATE_PREFIX)]
    return [*kept, *added]


def back(raw: Iterable[tuple[bytes, bytes]], request_id: bytes) -> Headers:
    """A service's response headers for the client of an API route."""
    headers = [(name.lower(), value) for name, value in raw]
    dropped = HOP_BY_HOP | ANSWERED_HERE | {b"cache-control"} | named_by_connection(headers)
    kept = [pair for pair in headers if pair[0] not in dropped and not pair[0].startswith(PRIVATE_PREFIX)]
    return [*kept, *API_HEADERS, (b"x-request-id", request_id)]
