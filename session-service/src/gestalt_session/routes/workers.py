"""Session workers: who they are, and taking one out of placement."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from msgspec import Struct

from gestalt_contracts.directory import DirectoryUnavailable
from gestalt_contracts.errors import NotFound, Unavailable
from gestalt_serving import bodies
from gestalt_session.overview import worker_shown
from gestalt_session.routes.state import Resources, reply

router = APIRouter(prefix="/api/workers")


class Draining(Struct, forbid_unknown_fields=True):
    """The body of PATCH."""

    draining: bool


@router.get("")
async def list_workers(state: Resources) -> Response:
    """Every known worker, by start time."""
    return reply(await state["overview"].workers())


@router.patch("/{worker_id}")
async def drain(worker_id: str, request: Request, state: Resources) -> Response:
    """Whether a worker takes new sessions."""
    wanted = bodies.parse(await bodies.raw(request, state["settings"].body_limit), Draining)
    membership = state["service"].membership
    try:
        if worker_id == membership.record.id:
            await membership.set_draining(draining=wanted.draining)
        changed = await state["directory"].drain(worker_id, draining=wanted.draining)
    except DirectoryUnavailable as error:
        raise Unavailable("the directory of workers is away") from error
    if changed is None:
        raise NotFound("worker not found")
    return reply(worker_shown(changed))
