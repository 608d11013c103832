"""Idempotency keys (contract §2, Retries): what a client sends twice is done once.

A key is claimed before acting and finished with the answer. The claim names its owner, a worker under a generation;
when that lease is gone, the next caller inherits the claim and is told so: it cannot know what was done.
`InMemoryIdempotency` (idempotency_memory) and `RedisIdempotency` (redis_idempotency) pass the same tests.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from typing import Protocol

from msgspec import Struct

KEPT_SECONDS = 86_400
"""How long an answer is given again."""

WAIT_SECONDS = 30.0
"""How long a duplicate waits for the first; no request of ours takes longer."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 0.25
_SUCCESSES = range(200, 300)


class IdempotencyUnavailable(Exception):
    """Redis is away: a request that carries a key cannot be taken."""


class Owner(Struct, frozen=True):
    """Who acts: a worker's id and the generation of its lease."""

    id: str
    generation: int


class Answer(Struct, frozen=True):
    """What the client got, and gets again."""

    status: int
    body: bytes
    headers: dict[str, str] = {}


class Started(Struct, frozen=True):
    """The key is yours: act, then `finish` or `abandon`."""

    token: str


class Replay(Struct, frozen=True):
    """It was done before: give this answer, do nothing."""

    answer: Answer


class Interrupted(Struct, frozen=True):
    """The owner died after claiming; `detail` is what it noted. The claim is yours now: `finish` or `abandon`.

    `abandon` frees the key, so only one caller hears of it. Who acts again under this claim acts for `detail` (a
    session's uid), so that a second interruption can be told from a first.
    """

    token: str
    detail: str


class Mismatch(Struct, frozen=True):
    """The key was used with another body."""


class InProgress(Struct, frozen=True):
    """The first is still acting; waiting was in vain."""


Outcome = Started | Replay | Interrupted | Mismatch | InProgress


def key_of(method: str, path: str, idempotency_key: str) -> str:
    """What identifies a claim: a key belongs to a method and a path."""
    return fingerprint_of(*(word.encode("utf-8", "surrogateescape") for word in (method, path, idempotency_key)))


def fingerprint_of(*parts: bytes) -> str:
    """What tells two requests under one key apart: the body, and whatever else changes what is done (the query)."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def is_kept(status: int, *, keep: bool) -> bool:
    """Whether an answer is given again: 2xx, and what the caller says."""
    return keep or status in _SUCCESSES


class IdempotencyStore(Protocol):
    """Claims and answers by key."""

    async def begin(
        self, key: str, fingerprint: str, owner: Owner, *, detail: str = "", wait: float = WAIT_SECONDS
    ) -> Outcome:
        """Claim `key` (key_of), or learn what became of it; a duplicate waits up to `wait` seconds for the first.

        `detail` is kept with the claim for whoever inherits it. Raises IdempotencyUnavailable.
        """
        ...

    async def finish(self, token: str, answer: Answer, *, keep: bool = False) -> None:
        """Store the answer if it is 2xx or `keep` says so, else free the key. Never raises: what was done is done.

        An answer that cannot be stored now is stored before the next `begin` of this process.
        """
        ...

    async def abandon(self, token: str) -> None:
        """Free the key: nothing was done, or nobody can know. Never raises, as `finish`."""
        ...


async def wait_for_first(ask: Callable[[], Awaitable[Outcome]], wait: float) -> Outcome:
    """Ask until the answer is not InProgress, or `wait` seconds have passed."""
    loop = asyncio.get_running_loop()
    deadline, pause = loop.time() + wait, _FIRST_PAUSE
    while isinstance(outcome := await ask(), InProgress) and loop.time() < deadline:
        await asyncio.sleep(min(pause, max(deadline - loop.time(), 0)))
        pause = min(2 * pause, _LONGEST_PAUSE)
    return outcome
