"""Query strings as raw bytes: credentials are read from them and taken out before anyone logs or forwards them."""

from __future__ import annotations

from urllib.parse import unquote_plus

SECRETS = frozenset({"token", "ticket"})


def _pair(part: bytes) -> tuple[str, str]:
    name, _, value = part.decode("latin-1").partition("=")
    return unquote_plus(name), unquote_plus(value)


def secret(query: bytes, name: str) -> str | None:
    """The first non-empty value of `name`, decoded."""
    if name.encode() not in query and b"%" not in query:
        return None
    return next((value for key, value in map(_pair, query.split(b"&")) if key == name and value), None)


def stripped(query: bytes) -> bytes:
    """`query` without its credentials, every other byte as it came."""
    if b"t" not in query and b"%" not in query:
        return query
    return b"&".join(part for part in query.split(b"&") if _pair(part)[0] not in SECRETS)
