"""What this gateway's own routes take and answer, for the API's document."""

from __future__ import annotations

from typing import Any, TypedDict

import msgspec

JSON = "application/json"


class Health(TypedDict):
    """`ok`."""

    status: str


class Ready(TypedDict):
    """`failing`: which checks hinder it; `checks`: every check's word."""

    ready: bool
    failing: list[str]
    checks: dict[str, str]
    session_workers: int


class Login(TypedDict):
    """The server's token."""

    token: str


class Ticket(TypedDict):
    """To be used once as `?ticket=`, within so many seconds."""

    ticket: str
    expires_in: int


KINDS = (Health, Ready, Login, Ticket)
ANSWERS: dict[str, tuple[int, type | None]] = {
    "/healthz": (200, Health),
    "/readyz": (200, Ready),
    "/api/auth/login": (204, None),
    "/api/auth/logout": (204, None),
    "/api/auth/ticket": (200, Ticket),
}


def schemas() -> dict[str, Any]:
    """By name."""
    return msgspec.json.schema_components(KINDS, ref_template="#/components/schemas/{name}")[1]


def described(path: str) -> dict[str, Any]:
    """What is to be said of a route beyond its outline; nothing of one that is not ours."""
    if path not in ANSWERS:
        return {}
    status, kind = ANSWERS[path]
    answer = {"description": "Answer"} | ({"content": _content(kind)} if kind else {})
    body = {"requestBody": {"required": True, "content": _content(Login)}} if path == "/api/auth/login" else {}
    return {"responses": {str(status): answer}, **body}


def _content(kind: type) -> dict[str, Any]:
    return {JSON: {"schema": {"$ref": f"#/components/schemas/{kind.__name__}"}}}
