"""The one error hierarchy, and the one shape in which every service answers an error (contract §2).

GestaltError                   status, code, message; rendered as {"message", "error", "code", …}
├── InvalidRequest     400
├── Unauthorized       401     carries WWW-Authenticate: Bearer
├── Forbidden          403
├── NotFound           404
├── MethodNotAllowed   405     carries Allow
├── Conflict           409     may name the session it collides with
├── PayloadTooLarge    413
├── Misdirected        421
├── Unprocessable      422
├── Unavailable        503     code says whether a service or a worker is away
└── TimedOut           504
"""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

CODES: dict[int, str] = {
    400: "invalid_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    412: "precondition_failed",
    413: "payload_too_large",
    415: "unsupported_media_type",
    421: "misdirected_request",
    422: "unprocessable_entity",
    429: "rate_limited",
    502: "bad_gateway",
    503: "service_unavailable",
    504: "gateway_timeout",
}
WORKER_UNAVAILABLE = "worker_unavailable"


def code_of(status: int) -> str:
    """The `code` that goes with an HTTP status when the error names none of its own."""
    return CODES.get(status, "internal_error" if status >= 500 else "invalid_request")  # noqa: PLR2004 - HTTP's classes


def error_body(message: str, code: str, **extra: Any) -> bytes:
    """The JSON body of an error, one line; `extra` holds only keys the contract names (session_id, errors, bytes)."""
    return msgspec.json.encode({"message": message, "error": message, "code": code, **extra}) + b"\n"


class GestaltError(Exception):
    """An outcome that a client is told about. `extra` becomes further keys of the body."""

    status: ClassVar[int] = 500

    def __init__(
        self, message: str, *, code: str | None = None, headers: dict[str, str] | None = None, **extra: Any
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or code_of(self.status)
        self.headers = headers or {}
        self.extra = extra

    def body(self) -> bytes:
        """What the client reads."""
        return error_body(self.message, self.code, **self.extra)


class InvalidRequest(GestaltError):
    """The request cannot be understood as it stands."""

    status = 400


class Unauthorized(GestaltError):
    """No credential, or a wrong one."""

    status = 401

    def __init__(self, message: str = "unauthorized") -> None:
        super().__init__(message, headers={"WWW-Authenticate": "Bearer"})


class Forbidden(GestaltError):
    """A known caller asks for what is not theirs."""

    status = 403


class NotFound(GestaltError):
    """Nothing of that name."""

    status = 404


class MethodNotAllowed(GestaltError):
    """The path exists; the verb does not. `allow` lists those that do, as the Allow header wants it."""

    status = 405

    def __init__(self, allow: str) -> None:
        super().__init__("method not allowed", headers={"Allow": allow})


class Conflict(GestaltError):
    """The state of the thing forbids it."""

    status = 409


class PayloadTooLarge(GestaltError):
    """The body is over its limit; it was not read."""

    status = 413


class Misdirected(GestaltError):
    """Not ours: a Host we do not serve, or a session this worker does not hold."""

    status = 421


class Unprocessable(GestaltError):
    """Well-formed, but it cannot be done as asked."""

    status = 422


class Unavailable(GestaltError):
    """Something we need is away; asking again later may work."""

    status = 503


class TimedOut(GestaltError):
    """Something did not answer within its time."""

    status = 504


def worker_unavailable(session_id: str | None = None) -> Unavailable:
    """The refusal while the worker that owns a session is away."""
    named = {} if session_id is None else {"session_id": session_id}
    return Unavailable("session worker unavailable", code=WORKER_UNAVAILABLE, headers={"Retry-After": "1"}, **named)
