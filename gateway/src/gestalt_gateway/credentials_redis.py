"""Login sessions and tickets in Redis, so that every gateway knows them (architecture §4)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import structlog
from redis.asyncio import Redis

from gestalt_contracts.channels import Names
from gestalt_contracts.redis_channel import Channel
from gestalt_contracts.redis_client import away_as
from gestalt_gateway.credentials import LOGIN_PREFIX, TICKET_SECONDS, CredentialsUnavailable, digest, new_secret

OPEN, ENDED = b"open", b"ended"
"""What a login key holds. An ended one stays until it would have expired: a gateway that missed the word finds it."""

REMEMBERED = 10_000
"""Logins kept in memory; beyond that the oldest is asked for again."""

log = structlog.get_logger(__name__)


class RedisCredentials:
    """See Credentials. Only a logout ends a login that was once seen: not a Redis that is away or was emptied."""

    def __init__(
        self, client: Redis, names: Names, *, login_seconds: float, clock: Callable[[], float] = time.time
    ) -> None:
        self._client = client
        self._names = names
        self._login_seconds = login_seconds
        self._clock = clock
        self._seen: dict[str, float] = {}  # digest → when it expires
        self._on_logout: Callable[[str], None] = lambda _: None
        self._linked = asyncio.Event()

    async def open_login(self) -> str:
        """See Credentials."""
        cookie = new_secret()
        key = digest(cookie)
        with away_as(CredentialsUnavailable):
            await self._client.set(self._names.login(key), OPEN, px=int(self._login_seconds * 1000))
        self._remember(key, self._clock() + self._login_seconds)
        return cookie

    async def login(self, cookie: str) -> str | None:
        """See Credentials."""
        key = digest(cookie)
        if self._seen.get(key, 0.0) > self._clock() or await self._ask(key):
            return f"{LOGIN_PREFIX}{key}"
        return None

    async def close_login(self, cookie: str) -> None:
        """See Credentials."""
        key = digest(cookie)
        if await self.login(cookie) is None:
            return
        self._forget(key)
        with away_as(CredentialsUnavailable):
            async with self._client.pipeline(transaction=True) as pipe:
                pipe.set(self._names.login(key), ENDED, px=int(self._login_seconds * 1000))
                pipe.publish(self._names.logouts, key)
                await pipe.execute()

    async def issue_ticket(self, credential: str) -> str:
        """See Credentials."""
        ticket = new_secret()
        with away_as(CredentialsUnavailable):
            await self._client.set(self._names.ticket(digest(ticket)), credential, ex=TICKET_SECONDS)
        return ticket

    async def redeem(self, ticket: str) -> str | None:
        """See Credentials."""
        with away_as(CredentialsUnavailable):
            credential: Any = await self._client.getdel(self._names.ticket(digest(ticket)))
        return None if credential is None else bytes(credential).decode()

    async def follow(self, on_logout: Callable[[str], None]) -> None:
        """See Credentials."""
        self._on_logout = on_logout
        channel = Channel(self._client, self._names.logouts, self._linked.set, lambda key: self._forget(key.decode()))
        async with channel.listening():
            while True:
                await self._linked.wait()
                self._linked.clear()
                try:
                    await self._catch_up()
                except CredentialsUnavailable:
                    pass  # the channel will be lost as well, and linked again
                except Exception:
                    log.exception("catching up with logouts failed")

    async def _ask(self, key: str) -> bool:
        with away_as(CredentialsUnavailable):
            async with self._client.pipeline(transaction=True) as pipe:
                pipe.get(self._names.login(key))
                pipe.pttl(self._names.login(key))
                state, milliseconds = await pipe.execute()
        if state == OPEN:
            self._remember(key, self._clock() + milliseconds / 1000)
        return bool(state == OPEN)

    async def _catch_up(self) -> None:
        """After the channel was lost: forget what was ended meanwhile, tell an emptied Redis what it has lost."""
        now = self._clock()
        self._seen = {key: until for key, until in self._seen.items() if until > now}
        keys = list(self._seen)
        if not keys:
            return
        with away_as(CredentialsUnavailable):
            states = await self._client.mget([self._names.login(key) for key in keys])
            for key, state in zip(keys, states, strict=True):
                if state == ENDED:
                    self._forget(key)
                elif state is None:
                    remaining = int((self._seen[key] - now) * 1000)
                    await self._client.set(self._names.login(key), OPEN, px=max(remaining, 1), nx=True)

    def _remember(self, key: str, until: float) -> None:
        if len(self._seen) >= REMEMBERED:
            del self._seen[next(iter(self._seen))]
        self._seen[key] = until

    def _forget(self, key: str) -> None:
        """A logout, ours or another gateway's."""
        self._seen.pop(key, None)
        self._on_logout(f"{LOGIN_PREFIX}{key}")
