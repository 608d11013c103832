"""Times as the API writes them."""

from __future__ import annotations

from datetime import UTC, datetime

from gestalt_contracts.events import rfc3339


def moment(seconds: float | None) -> str | None:
    """RFC 3339 of seconds since the epoch; None stays None."""
    return None if seconds is None else rfc3339(datetime.fromtimestamp(seconds, UTC))
