"""What this service's own exceptions are to a client."""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from fastapi import Request, Response

from gestalt_contracts.errors import GestaltError, Unavailable
from gestalt_flow.documents import Refused
from gestalt_flow.folder import FolderFailed, Stale
from gestalt_flow.runs_redis import RunsUnavailable
from gestalt_flow.validation import Problem
from gestalt_serving.errors import Handler, answering, said

log = structlog.get_logger()


class PreconditionFailed(GestaltError):
    """What the caller knew has changed meanwhile."""

    status = 412


class UnsupportedMediaType(GestaltError):
    """A body of a kind that this route does not read."""

    status = 415


def problems_shown(problems: Sequence[Problem]) -> list[dict[str, str]]:
    """Each problem with its place."""
    return [{"path": problem.path, "message": problem.message} for problem in problems]


async def _refused(request: Request, error: Exception) -> Response:
    del request
    if not isinstance(error, Refused):
        raise error
    first = error.problems[0]
    return said(first.status, first.message, errors=problems_shown(error.problems))


async def _folder(request: Request, error: Exception) -> Response:
    doing = "save" if request.method in {"PUT", "POST"} else "load"
    log.error("the flow configuration cannot be used", doing=doing, error=str(error))
    return said(500, f"failed to {doing} flow config")


HANDLERS: dict[type[Exception], Handler] = {
    Refused: _refused,
    Stale: answering(lambda: PreconditionFailed("the flow configuration has changed since that revision")),
    RunsUnavailable: answering(
        lambda: Unavailable("flow service unavailable: Redis is away", headers={"Retry-After": "1"})
    ),
    FolderFailed: _folder,
}
