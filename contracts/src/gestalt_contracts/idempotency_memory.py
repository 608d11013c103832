"""Idempotency keys of one process. For tests and for services run alone."""

from __future__ import annotations

import secrets

from msgspec import Struct

from gestalt_contracts.idempotency import (
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


class Claim(Struct):
    """What is known of one key."""

    fingerprint: str
    owner: Owner
    token: str
    detail: str
    answer: Answer | None = None


class InMemoryIdempotency:
    """An IdempotencyStore within one process; keeps what it is given as long as it lives.

    `buried`: owners whose lease is gone. `away` makes `begin` raise IdempotencyUnavailable.
    """

    def __init__(self) -> None:
        self._claims: dict[str, Claim] = {}
        self.buried: set[Owner] = set()
        self.away = False

    async def begin(
        self, key: str, fingerprint: str, owner: Owner, *, detail: str = "", wait: float = WAIT_SECONDS
    ) -> Outcome:
        """As IdempotencyStore.begin."""

        async def ask() -> Outcome:
            return self._ask(key, fingerprint, owner, detail)

        return await wait_for_first(ask, wait)

    async def finish(self, token: str, answer: Answer, *, keep: bool = False) -> None:
        """As IdempotencyStore.finish."""
        claim = self._claim_of(token)
        if claim is not None and is_kept(answer.status, keep=keep):
            claim.answer = answer
        else:
            await self.abandon(token)

    async def abandon(self, token: str) -> None:
        """As IdempotencyStore.abandon."""
        if self._claim_of(token) is not None:
            del self._claims[token.partition("/")[0]]

    def _claim_of(self, token: str) -> Claim | None:
        claim = self._claims.get(token.partition("/")[0])
        return claim if claim is not None and claim.token == token and claim.answer is None else None

    def _ask(self, key: str, fingerprint: str, owner: Owner, detail: str) -> Outcome:
        if self.away:
            raise IdempotencyUnavailable("the store is set away")
        token = f"{key}/{secrets.token_hex(8)}"
        claim = self._claims.get(key)
        if claim is None:
            self._claims[key] = Claim(fingerprint, owner, token, detail)
            return Started(token)
        if claim.fingerprint != fingerprint:
            return Mismatch()
        if claim.answer is not None:
            return Replay(claim.answer)
        if claim.owner not in self.buried:
            return InProgress()
        claim.owner, claim.token = owner, token
        return Interrupted(token, claim.detail)
