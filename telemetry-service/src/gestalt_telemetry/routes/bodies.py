"""Reading what a client sent, bounded before it is read."""

from __future__ import annotations

from fastapi import Request

from gestalt_contracts.errors import PayloadTooLarge

MOST_DIGITS = 19  # of a 63-bit number


async def raw(request: Request, limit: int) -> bytes:
    """The body. Raises PayloadTooLarge, by its announced length before a byte is read."""
    announced = request.headers.get("content-length", "").lstrip("0")
    if announced.isdigit() and (len(announced) > MOST_DIGITS or int(announced) > limit):
        raise PayloadTooLarge(f"the body is over {limit} bytes")
    parts: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise PayloadTooLarge(f"the body is over {limit} bytes")
        parts.append(chunk)
    return b"".join(parts)
