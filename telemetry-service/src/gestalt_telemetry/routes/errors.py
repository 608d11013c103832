"""Every error of this service leaves here, in the one shape of contract §2."""

from __future__ import annotations

from collections.abc import Sequence

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
from gestalt_telemetry.refusals import StoreUnreadable, TookTooLong

JSON = "application/json; charset=utf-8"

log = structlog.get_logger()


def install(app: FastAPI, routes: Sequence[BaseRoute]) -> None:
    """Render our own hierarchy, the framework's errors, and what nobody expected. `routes`: all there are."""

    async def frameworks(request: Request, error: Exception) -> Response:
        return _refusal(error, request.url.path, routes)

    app.add_exception_handler(GestaltError, _ours)
    app.add_exception_handler(HTTPException, frameworks)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(StoreUnreadable, _unreadable)
    app.add_exception_handler(TookTooLong, _overdue)
    app.add_exception_handler(Exception, _unexpected)


def render(error: GestaltError) -> Response:
    """The response that says `error`."""
    return Response(error.body(), error.status, error.headers, media_type=JSON)


async def _ours(request: Request, error: Exception) -> Response:
    del request
    return render(error if isinstance(error, GestaltError) else InvalidRequest(str(error)))


def _refusal(error: Exception, path: str, routes: Sequence[BaseRoute]) -> Response:
    """The framework's word in ours."""
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code == HTTP_405_METHOD_NOT_ALLOWED:
        return render(MethodNotAllowed(", ".join(_methods(path, routes))))
    if error.status_code == HTTP_404_NOT_FOUND:
        return render(NotFound("not found"))
    body = error_body(str(error.detail), code_of(error.status_code))
    return Response(body, error.status_code, media_type=JSON)


def _methods(path: str, routes: Sequence[BaseRoute]) -> list[str]:
    """What the path takes. The framework names the methods of one route only; a path has several."""
    matching = [route for route in routes if isinstance(route, APIRoute) and route.path_regex.match(path)]
    return [method for route in matching if route.path == matching[0].path for method in sorted(route.methods or ())]


async def _unreadable(request: Request, error: Exception) -> Response:
    del request, error
    return render(Unavailable("the store cannot be read now", headers={"Retry-After": "1"}))


async def _overdue(request: Request, error: Exception) -> Response:
    del request, error
    return render(Unavailable("the query takes too long; narrow it by time, level or session"))


async def _gone(request: Request, error: Exception) -> Response:
    """The client hung up in mid-body: nothing was done, and nobody reads this."""
    del request, error
    return render(InvalidRequest("the body broke off"))


async def _unexpected(request: Request, error: Exception) -> Response:
    log.error("a request failed", path=request.url.path, exc_info=error)
    return Response(error_body("internal error", "internal_error"), 500, media_type=JSON)
