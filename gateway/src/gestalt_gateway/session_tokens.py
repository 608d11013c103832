"""Tokens of programs in sessions: whose they are, and the few routes they open (contract §2, Session tokens)."""

from __future__ import annotations

from typing import Protocol

from gestalt_gateway.routing import SESSION, Route

OF_THEIR_SESSION = frozenset(
    {
        ("GET", SESSION),
        ("POST", f"{SESSION}/notify"),
        ("POST", f"{SESSION}/bell"),
        ("GET", f"{SESSION}/progress"),
    }
)
"""Open to a session's token when the path names that session."""

STAMPED = frozenset(
    {
        ("POST", "/api/otel/logs"),
        ("POST", "/v1/logs"),
        ("POST", "/v1/traces"),
        ("POST", "/v1/metrics"),
    }
)
"""Open to every session token: what is sent is stamped with its session."""


class SessionTokens(Protocol):
    """Where tokens of the form `<uid>.<random>` are looked up."""

    async def owner(self, token: str) -> str | None:
        """The uid of the session the token was given to; None for what is no session's token."""
        ...


class NoSessionTokens:
    """Knows none: for a system whose sessions are given no tokens."""

    async def owner(self, token: str) -> str | None:  # noqa: ARG002 - the protocol's signature
        """See SessionTokens."""
        return None


def names_its_session(route: Route) -> bool:
    """Whether the route is open to the token of the session it names."""
    return (route.method, route.template) in OF_THEIR_SESSION


def takes_a_stamp(route: Route) -> bool:
    """Whether the route is ingest that is stamped with the token's session."""
    return (route.method, route.template) in STAMPED
