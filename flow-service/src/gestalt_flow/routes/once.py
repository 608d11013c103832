"""Retries under an Idempotency-Key (contract §2): the same key answers as the first did, whichever replica is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from fastapi import Request, Response

from gestalt_contracts.errors import Conflict, Unavailable
from gestalt_contracts.idempotency import (
    Answer,
    IdempotencyUnavailable,
    InProgress,
    Mismatch,
    Owner,
    Replay,
    fingerprint_of,
    key_of,
)
from gestalt_contracts.redis_client import away_as
from gestalt_flow.routes.state import State
from gestalt_flow.runs_redis import RunsUnavailable
from gestalt_serving.errors import JSON

LEASE_MS = 10_000
"""How long a claim stands though nobody hears of its owner: what is done under one takes milliseconds."""
GENERATION = 1
"""Of every claim: an instance's name is never used again."""

Act = Callable[[str], Awaitable[Response]]
"""Does it, given what names this request for ever; '' without a key."""


async def once(request: Request, body: bytes, state: State, act: Act) -> Response:
    """Do `act`, once for each key. A client that hangs up after its whole body cancels nothing.

    Whoever began it may have died over it: then it is done again, and `act` has to see that by its name.
    """
    key = request.headers.get("idempotency-key", "").strip()
    if not key:
        return await asyncio.shield(act(""))
    return await asyncio.shield(_under_key(key_of(request.method, request.url.path, key), body, state, act))


async def _under_key(claim: str, body: bytes, state: State, act: Act) -> Response:
    store, instance = state["idempotency"], state["instance"]
    with away_as(RunsUnavailable):
        await state["client"].set(state["names"].alive(instance), GENERATION, px=LEASE_MS)
    try:
        outcome = await store.begin(claim, fingerprint_of(body), Owner(instance, GENERATION))
    except IdempotencyUnavailable as error:
        raise Unavailable("a request with an Idempotency-Key cannot be taken while Redis is away") from error
    match outcome:
        case Replay(answer):
            return Response(answer.body, answer.status, {"Idempotency-Replayed": "true"}, media_type=JSON)
        case Mismatch():
            raise Conflict("the Idempotency-Key was used with another body")
        case InProgress():
            raise Conflict("the first request with this Idempotency-Key is still at work")
        case _:
            return await _settle(outcome.token, claim, state, act)


async def _settle(token: str, claim: str, state: State, act: Act) -> Response:
    """Act, and keep the answer for whoever asks again."""
    try:
        response = await act(claim)
    except BaseException:
        await state["idempotency"].abandon(token)
        raise
    await state["idempotency"].finish(token, Answer(response.status_code, bytes(response.body)))
    return response
