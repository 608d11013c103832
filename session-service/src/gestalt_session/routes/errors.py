"""Every error of this service leaves here, in the one shape of contract §2."""

from __future__ import annotations

import structlog
from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.status import HTTP_404_NOT_FOUND, HTTP_405_METHOD_NOT_ALLOWED

from gestalt_contracts.errors import GestaltError, InvalidRequest, MethodNotAllowed, NotFound, code_of, error_body

JSON = "application/json; charset=utf-8"

log = structlog.get_logger()


def install(app: FastAPI) -> None:
    """Render our own hierarchy, the framework's errors, and what nobody expected."""
    app.add_exception_handler(GestaltError, _ours)
    app.add_exception_handler(HTTPException, _frameworks)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(Exception, _unexpected)


def render(error: GestaltError) -> Response:
    """The response that says `error`."""
    return Response(error.body(), error.status, error.headers, media_type=JSON)


async def _ours(request: Request, error: Exception) -> Response:
    del request
    return render(error if isinstance(error, GestaltError) else InvalidRequest(str(error)))


async def _frameworks(request: Request, error: Exception) -> Response:
    del request
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code == HTTP_405_METHOD_NOT_ALLOWED:
        return render(MethodNotAllowed((error.headers or {}).get("Allow", "")))
    if error.status_code == HTTP_404_NOT_FOUND:
        return render(NotFound("not found"))
    body = error_body(str(error.detail), code_of(error.status_code))
    return Response(body, error.status_code, media_type=JSON)


async def _gone(request: Request, error: Exception) -> Response:
    """The client hung up in mid-body: nothing was done, and nobody reads this."""
    del request, error
    return render(InvalidRequest("the body broke off"))


async def _unexpected(request: Request, error: Exception) -> Response:
    log.error("a request failed", path=request.url.path, exc_info=error)
    return Response(error_body("internal error", "internal_error"), 500, media_type=JSON)
