"""Idempotency keys over Redis: shared by all workers, outliving each of them."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import suppress
from typing import Any

import msgspec
from redis.asyncio import Redis

from gestalt_contracts.channels import Names
from gestalt_contracts.idempotency import (
    KEPT_SECONDS,
    WAIT_SECONDS,
    Answer,
    IdempotencyUnavailable,
    InProgress,
    Interrupted,
    Mismatch,
    Outcome,
    Owner,
    Replay,
    Started,
    is_kept,
    wait_for_first,
)
from gestalt_contracts.redis_client import away_as
from gestalt_contracts.redis_scripts import Scripts, Word

UNSETTLED = 1_000
"""Claims whose end could not be stored, at most; beyond it the oldest is given up and its key stays claimed."""

_headers = msgspec.json.Decoder(dict[str, str])


class RedisIdempotency:
    """An IdempotencyStore over the Redis behind `client`, with the keys of `names`."""

    def __init__(self, client: Redis, names: Names) -> None:
        self._scripts = Scripts(client)
        self._names = names
        self._unsettled: dict[str, Answer | None] = {}

    async def begin(
        self, key: str, fingerprint: str, owner: Owner, *, detail: str = "", wait: float = WAIT_SECONDS
    ) -> Outcome:
        """As IdempotencyStore.begin. A duplicate looks every quarter of a second at the latest."""
        token = f"{key}/{secrets.token_hex(8)}"

        async def ask() -> Outcome:
            return await self._ask(token, fingerprint, owner, detail)

        await self._settle_rest()
        try:
            return await wait_for_first(ask, wait)
        except (IdempotencyUnavailable, asyncio.CancelledError):
            self._remember(token, None)  # it may have been claimed, and nobody will act under it
            raise

    async def finish(self, token: str, answer: Answer, *, keep: bool = False) -> None:
        """As IdempotencyStore.finish."""
        await self._settle(token, answer if is_kept(answer.status, keep=keep) else None)

    async def abandon(self, token: str) -> None:
        """As IdempotencyStore.abandon."""
        await self._settle(token, None)

    async def _ask(self, token: str, fingerprint: str, owner: Owner, detail: str) -> Outcome:
        key, _, mark = token.partition("/")
        arguments: list[Word] = [fingerprint, owner.id, owner.generation, mark, detail, KEPT_SECONDS]
        with away_as(IdempotencyUnavailable):
            answer = await self._scripts.run(
                "idempotency_begin",
                [self._names.idempotency(key)],
                [*arguments, self._names.alive("")],
            )
        return _outcome(token, *answer)

    def _remember(self, token: str, answer: Answer | None) -> None:
        self._unsettled[token] = answer
        if len(self._unsettled) > UNSETTLED:
            del self._unsettled[next(iter(self._unsettled))]

    async def _settle_rest(self) -> None:
        for token in list(self._unsettled):
            if token in self._unsettled:
                await self._store(token, self._unsettled.pop(token))

    async def _settle(self, token: str, answer: Answer | None) -> None:
        with suppress(IdempotencyUnavailable):
            await self._store(token, answer)

    async def _store(self, token: str, answer: Answer | None) -> None:
        key, _, mark = token.partition("/")
        arguments: list[Word] = [mark, KEPT_SECONDS]
        if answer is not None:
            arguments += [answer.status, msgspec.json.encode(answer.headers), answer.body]
        try:
            with away_as(IdempotencyUnavailable):
                await self._scripts.run("idempotency_finish", [self._names.idempotency(key)], arguments)
        except (IdempotencyUnavailable, asyncio.CancelledError):
            self._remember(token, answer)
            raise


def _outcome(token: str, kind: bytes, *words: Any) -> Outcome:
    match kind:
        case b"started":
            return Started(token)
        case b"mismatch":
            return Mismatch()
        case b"running":
            return InProgress()
        case b"interrupted":
            return Interrupted(token, str(words[0], "utf-8"))
    status, headers, body = words
    return Replay(Answer(int(status), body, _headers.decode(headers)))
