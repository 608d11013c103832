"""Query parameters, read as the reference reads them."""

from __future__ import annotations

from fastapi import Request

from gestalt_contracts.errors import InvalidRequest
from gestalt_serving.bodies import MOST_DIGITS


def query_of(request: Request) -> dict[str, str]:
    """The query parameters; of a repeated name the first counts (reference, sessions §4.6)."""
    return dict(reversed(request.query_params.multi_items()))


def whole_number(text: str | None, default: int | None, message: str, *, least: int) -> int | None:
    """A query parameter that counts something; blank is absent. Raises InvalidRequest(message)."""
    if text is None or not text.strip():
        return default
    digits = text.removeprefix("+")
    if not digits.isascii() or not digits.isdigit():
        raise InvalidRequest(message)
    significant = digits.lstrip("0") or "0"
    if len(significant) > MOST_DIGITS or not least <= int(significant) < 1 << 63:
        raise InvalidRequest(message)
    return int(significant)
