"""The files this distribution ships, as answers: the documentation page and its script and style."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from gestalt_gateway.answers import Answer
from gestalt_gateway.headers import Headers

TYPES = {
    "docs.html": b"text/html; charset=utf-8",
    "docs.js": b"text/javascript; charset=utf-8",
    "docs.css": b"text/css; charset=utf-8",
}
PAGE_HEADERS: Headers = [
    (b"content-security-policy", b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-cache"),
]


@cache
def document(name: str) -> Answer | None:
    """A shipped file by name; None for what is not shipped."""
    content_type = TYPES.get(name)
    if content_type is None:
        return None
    body = files("gestalt_gateway").joinpath("static", name).read_bytes()
    return Answer(200, body, content_type, PAGE_HEADERS)
