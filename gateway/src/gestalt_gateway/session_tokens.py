"""Tokens of programs in sessions: whose they are, and the few routes they open (contract §2, Session tokens)."""

from __future__ import annotations

from typing import Protocol

from gestalt_contracts.auth import same_token
from gestalt_contracts.directory import DirectoryUnavailable
from gestalt_contracts.session_tokens import hash_of, uid_in
from gestalt_gateway.credentials import CredentialsUnavailable
from gestalt_gateway.live_directory import LiveDirectory
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
        """The uid of the session the token was given to; None for what is no session's token.

        Raises CredentialsUnavailable when that cannot be decided.
        """
        ...


class DirectoryTokens:
    """Knows the hashes in the directory's records, those of ended sessions too: their programs may have outlived them.

    A session that this gateway has seen is known while Redis is away.
    """

    def __init__(self, live: LiveDirectory) -> None:
        self._live = live

    async def owner(self, token: str) -> str | None:
        """See SessionTokens."""
        uid = uid_in(token)
        if uid is None:
            return None
        try:
            place = await self._live.place(uid)
        except DirectoryUnavailable as error:
            raise CredentialsUnavailable from error
        return uid if place is not None and same_token(hash_of(token), place.token_hash) else None


def names_its_session(route: Route) -> bool:
    """Whether the route is open to the token of the session it names."""
    return (route.method, route.template) in OF_THEIR_SESSION


def takes_a_stamp(route: Route) -> bool:
    """Whether the route is ingest that is stamped with the token's session."""
    return (route.method, route.template) in STAMPED
