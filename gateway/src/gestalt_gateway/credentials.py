"""Login sessions and tickets: opaque values whose hashes are kept (contract §2, Token)."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from collections.abc import Callable
from typing import Protocol

SECRET_BYTES = 32  # of randomness in a cookie or ticket: not to be guessed
TICKET_SECONDS = 30
"""How long a ticket may be redeemed."""

LOGIN_PREFIX = "login:"


class CredentialsUnavailable(Exception):
    """The store is away: what it does not remember by itself it cannot judge."""


def digest(secret: str) -> str:
    """The hash under which a secret is kept: of 256 random bits, so it needs neither salt nor stretching."""
    return hashlib.sha256(secret.encode()).hexdigest()


def new_secret() -> str:
    """A fresh cookie or ticket value, safe in a header and in a URL."""
    return secrets.token_urlsafe(SECRET_BYTES)


class Credentials(Protocol):
    """What several gateways share. Credentials are named by strings: `login:<digest>`, or as the door names them."""

    async def open_login(self) -> str:
        """A new login session; the value of its cookie. Raises CredentialsUnavailable."""
        ...

    async def login(self, cookie: str) -> str | None:
        """The credential of a login cookie; None when it is unknown, ended or expired.

        A login once seen stays valid while the store is away; else raises CredentialsUnavailable.
        """
        ...

    async def close_login(self, cookie: str) -> None:
        """End a login session, here and on every gateway. Raises CredentialsUnavailable, then it ended only here."""
        ...

    async def issue_ticket(self, credential: str) -> str:
        """A single-use ticket that stands for `credential`. Raises CredentialsUnavailable."""
        ...

    async def redeem(self, ticket: str) -> str | None:
        """The credential a ticket stands for, once. Raises CredentialsUnavailable."""
        ...

    async def follow(self, on_logout: Callable[[str], None]) -> None:
        """Tell every login that is ended, on whatever gateway, until cancelled."""
        ...


class InMemoryCredentials:
    """The same within one process; two gateways in a test share one object."""

    def __init__(self, *, login_seconds: float = 3600.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._login_seconds = login_seconds
        self._clock = clock
        self._logins: dict[str, float] = {}
        self._tickets: dict[str, tuple[str, float]] = {}
        self._followers: set[Callable[[str], None]] = set()

    async def open_login(self) -> str:
        """See Credentials."""
        cookie = new_secret()
        self._logins[digest(cookie)] = self._clock() + self._login_seconds
        return cookie

    async def login(self, cookie: str) -> str | None:
        """See Credentials."""
        key = digest(cookie)
        return f"{LOGIN_PREFIX}{key}" if self._logins.get(key, 0.0) > self._clock() else None

    async def close_login(self, cookie: str) -> None:
        """See Credentials."""
        key = digest(cookie)
        if self._logins.pop(key, None) is not None:
            for tell in list(self._followers):
                tell(f"{LOGIN_PREFIX}{key}")

    async def issue_ticket(self, credential: str) -> str:
        """See Credentials."""
        ticket = new_secret()
        self._tickets[digest(ticket)] = (credential, self._clock() + TICKET_SECONDS)
        return ticket

    async def redeem(self, ticket: str) -> str | None:
        """See Credentials."""
        credential, until = self._tickets.pop(digest(ticket), (None, 0.0))
        return credential if until > self._clock() else None

    async def follow(self, on_logout: Callable[[str], None]) -> None:
        """See Credentials."""
        self._followers.add(on_logout)
        try:
            await asyncio.Event().wait()
        finally:
            self._followers.discard(on_logout)
