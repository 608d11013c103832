"""The time of day."""

from __future__ import annotations

import time


def now_ms() -> int:
    """This moment, milliseconds since 1970."""
    return time.time_ns() // 1_000_000
