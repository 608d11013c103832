"""Every error of this service leaves here, in the one shape of contract §2."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import BaseRoute
from starlette.status import HTTP_404_NOT_FOUND, HTTP_405_METHOD_NOT_ALLOWED

from gestalt_contracts.errors import (
    GestaltError,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    Unavailable,
    code_of,
    error_body,
)
from gestalt_flow.documents import Refused
from gestalt_flow.folder import FolderFailed, Stale
from gestalt_flow.runs_redis import RunsUnavailable
from gestalt_flow.validation import Problem

JSON = "application/json; charset=utf-8"

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


def install(app: FastAPI, routes: Sequence[BaseRoute]) -> None:
    """Render our own hierarchy, the framework's errors, and what nobody expected. `routes`: all there are."""

    async def frameworks(request: Request, error: Exception) -> Response:
        return _refusal(error, request.url.path, routes)

    app.add_exception_handler(GestaltError, _ours)
    app.add_exception_handler(HTTPException, frameworks)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(Stale, _stale)
    app.add_exception_handler(RunsUnavailable, _away)
    app.add_exception_handler(FolderFailed, _folder)
    app.add_exception_handler(Exception, _unexpected)


def render(error: GestaltError) -> Response:
    """The response that says `error`."""
    return Response(error.body(), error.status, error.headers, media_type=JSON)


def _said(status: int, message: str, **extra: Any) -> Response:
    return Response(error_body(message, code_of(status), **extra), status, media_type=JSON)


async def _ours(request: Request, error: Exception) -> Response:
    del request
    return render(error if isinstance(error, GestaltError) else InvalidRequest(str(error)))


async def _refused(request: Request, error: Exception) -> Response:
    del request
    if not isinstance(error, Refused):
        raise error
    first = error.problems[0]
    return _said(first.status, first.message, errors=problems_shown(error.problems))


async def _stale(request: Request, error: Exception) -> Response:
    del request, error
    return render(PreconditionFailed("the flow configuration has changed since that revision"))


async def _away(request: Request, error: Exception) -> Response:
    del request, error
    return render(Unavailable("flow service unavailable: Redis is away", headers={"Retry-After": "1"}))


async def _folder(request: Request, error: Exception) -> Response:
    doing = "save" if request.method in {"PUT", "POST"} else "load"
    log.error("the flow configuration cannot be used", doing=doing, error=str(error))
    return _said(500, f"failed to {doing} flow config")


def _refusal(error: Exception, path: str, routes: Sequence[BaseRoute]) -> Response:
    """The framework's word in ours."""
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code == HTTP_405_METHOD_NOT_ALLOWED:
        return render(MethodNotAllowed(", ".join(_methods(path, routes))))
    if error.status_code == HTTP_404_NOT_FOUND:
        return render(NotFound("not found"))
    return _said(error.status_code, str(error.detail))


def _methods(path: str, routes: Sequence[BaseRoute]) -> list[str]:
    matching = [route for route in routes if isinstance(route, APIRoute) and route.path_regex.match(path)]
    return [method for route in matching if route.path == matching[0].path for method in sorted(route.methods or ())]


async def _gone(request: Request, error: Exception) -> Response:
    """The client hung up in mid-body: nothing was done, and nobody reads this."""
    del request, error
    return render(InvalidRequest("the body broke off"))


async def _unexpected(request: Request, error: Exception) -> Response:
    log.error("a request failed", path=request.url.path, exc_info=error)
    return _said(500, "internal error")
