"""The time of day."""

from __future__ import annotations

import time
from datetime import datetime


def now_ms() -> int:
    """This moment, milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def milliseconds_of(moment: datetime) -> int:
    """That moment, milliseconds since 1970."""
    return int(moment.timestamp() * 1000)
