"""Every error of a service leaves here, in the one shape of contract §2."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

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
    code_of,
    error_body,
)

JSON = "application/json; charset=utf-8"

Handler = Callable[[Request, Exception], Awaitable[Response]]

log = structlog.get_logger()


def _not_found(path: str) -> GestaltError:
    del path
    return NotFound("not found")


def install(
    app: FastAPI,
    routes: Sequence[BaseRoute],
    handlers: Mapping[type[Exception], Handler],
    unknown: Callable[[str], GestaltError] = _not_found,
) -> None:
    """Render our own hierarchy, the framework's errors, and what nobody expected.

    `routes`: all there are. `handlers`: the service's own exceptions. `unknown`: what a path that is none of ours is.
    """

    async def frameworks(request: Request, error: Exception) -> Response:
        return _refusal(error, request.url.path, routes, unknown)

    app.add_exception_handler(GestaltError, _ours)
    app.add_exception_handler(HTTPException, frameworks)
    app.add_exception_handler(ClientDisconnect, _gone)
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)
    app.add_exception_handler(Exception, _unexpected)


def render(error: GestaltError) -> Response:
    """The response that says `error`."""
    return Response(error.body(), error.status, error.headers, media_type=JSON)


def said(status: int, message: str, **extra: object) -> Response:
    """The response of a status that the hierarchy has no class for."""
    return Response(error_body(message, code_of(status), **extra), status, media_type=JSON)


def answering(error: Callable[[], GestaltError]) -> Handler:
    """A handler that always says the same."""

    async def handler(request: Request, cause: Exception) -> Response:
        del request, cause
        return render(error())

    return handler


async def _ours(request: Request, error: Exception) -> Response:
    del request
    return render(error if isinstance(error, GestaltError) else InvalidRequest(str(error)))


def _refusal(
    error: Exception, path: str, routes: Sequence[BaseRoute], unknown: Callable[[str], GestaltError]
) -> Response:
    """The framework's word in ours."""
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code == HTTP_405_METHOD_NOT_ALLOWED:
        return render(MethodNotAllowed(", ".join(_methods(path, routes))))
    if error.status_code == HTTP_404_NOT_FOUND:
        return render(unknown(path))
    return said(error.status_code, str(error.detail))


def _methods(path: str, routes: Sequence[BaseRoute]) -> list[str]:
    """What the path takes. The framework names the methods of one route only; a path has several."""
    matching = [route for route in routes if isinstance(route, APIRoute) and route.path_regex.match(path)]
    return [method for route in matching if route.path == matching[0].path for method in sorted(route.methods or ())]


async def _gone(request: Request, error: Exception) -> Response:
    """The client hung up in mid-body: nothing was done, and nobody reads this."""
    del request, error
    return render(InvalidRequest("the body broke off"))


async def _unexpected(request: Request, error: Exception) -> Response:
    log.error("a request failed", path=request.url.path, exc_info=error)
    return said(500, "internal error")
