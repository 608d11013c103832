"""Reading what a client sent: bounded before it is read, decoded as the contract's §2 says."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from fastapi import Request

from gestalt_contracts.errors import InvalidRequest, PayloadTooLarge

T = TypeVar("T")
INVALID = "invalid request body"
JSON_SPACE = b" \t\r\n"
MOST_DIGITS = 19  # of a 63-bit number


def refuse_announced(request: Request, limit: int) -> None:
    """Raises PayloadTooLarge by the announced length, before a byte is read and anything is looked up."""
    announced = request.headers.get("content-length", "").lstrip("0")
    if announced.isdigit() and (len(announced) > MOST_DIGITS or int(announced) > limit):
        raise PayloadTooLarge(f"the body is over {limit} bytes")


async def raw(request: Request, limit: int) -> bytes:
    """The body. Raises PayloadTooLarge, by its announced length before a byte is read."""
    refuse_announced(request, limit)
    parts: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise PayloadTooLarge(f"the body is over {limit} bytes")
        parts.append(chunk)
    return b"".join(parts)


def parse(body: bytes, shape: type[T]) -> T:
    """Decode JSON; an empty body and `null` are `{}`. Raises InvalidRequest for everything that does not fit."""
    stripped = body.strip(JSON_SPACE)
    if not stripped or stripped == b"null":
        stripped = b"{}"
    try:
        return msgspec.json.decode(stripped, type=shape)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise InvalidRequest(INVALID) from None
