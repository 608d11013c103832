"""Retries under an Idempotency-Key (contract §2): the same key and body answer as the first did, and do nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from fastapi import Request, Response
from msgspec import Struct

from gestalt_contracts.errors import Conflict, GestaltError, Misdirected, Unavailable
from gestalt_contracts.idempotency import (
    Answer,
    IdempotencyUnavailable,
    InProgress,
    Interrupted,
    Mismatch,
    Owner,
    Replay,
    fingerprint_of,
    key_of,
)
from gestalt_contracts.uids import new_uid
from gestalt_serving.errors import JSON, render
from gestalt_session.routes.state import State


class Deed(Struct, frozen=True):
    """What is about to be done. A session made by it gets this uid, so that a retry can find it.

    `interrupted`: whoever began it died before answering; nobody knows how far it came.
    """

    uid: str
    interrupted: bool = False


Act = Callable[[Deed], Awaitable[Response]]


async def once(request: Request, body: bytes, state: State, act: Act) -> Response:
    """Do `act`, once for each key. A client that hangs up after its whole body cancels nothing."""
    refuse_given_up(request, state)
    key = request.headers.get("idempotency-key", "").strip()
    if not key:
        return await asyncio.shield(act(Deed(new_uid())))
    return await asyncio.shield(_under_key(request, key, body, state, act))


def refuse_given_up(request: Request, state: State) -> None:
    """Refuse what waited here while this worker stood still: its sender was told that the worker is away, and retries.

    Raises Misdirected: a gateway that still waits sends it again under the new generation.
    """
    generation = request.headers.get("x-gestalt-generation", "")
    if generation.isdigit() and state["service"].membership.is_given_up(int(generation)):
        raise Misdirected("this worker was away since that was sent")


async def _under_key(request: Request, key: str, body: bytes, state: State, act: Act) -> Response:
    record, store = state["service"].membership.record, state["idempotency"]
    owner, uid = Owner(record.id, record.generation), new_uid()
    claim = key_of(request.method, request.url.path, key)
    try:
        outcome = await store.begin(claim, fingerprint_of(body, request.url.query.encode()), owner, detail=uid)
    except IdempotencyUnavailable as error:
        raise Unavailable("a request with an Idempotency-Key cannot be taken while Redis is away") from error
    match outcome:
        case Replay(answer):
            headers = {**answer.headers, "Idempotency-Replayed": "true"}
            return Response(answer.body, answer.status, headers, media_type=JSON)
        case Mismatch():
            raise Conflict("the Idempotency-Key was used with another body")
        case InProgress():
            raise Conflict("the first request with this Idempotency-Key is still at work")
        case Interrupted(token, detail):
            return await _settle(state, token, act, Deed(detail, interrupted=True))
        case _:
            return await _settle(state, outcome.token, act, Deed(uid))


async def _settle(state: State, token: str, act: Act, deed: Deed) -> Response:
    """Act, and keep the answer for whoever asks again."""
    try:
        response = await act(deed)
    except GestaltError as error:
        response = render(error)
        took_bytes = bool(error.extra.get("bytes"))
        await state["idempotency"].finish(token, _answer(response), keep=took_bytes)
        return response
    except BaseException:
        await state["idempotency"].abandon(token)
        raise
    await state["idempotency"].finish(token, _answer(response))
    return response


def _answer(response: Response) -> Answer:
    return Answer(response.status_code, bytes(response.body))
