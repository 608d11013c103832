"""What an answer of the remote end means, and when to come again. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum

FIRST_SECONDS, MOST_SECONDS = 1.0, 60.0
LONGEST_ASKED = 3_600.0
"""A Retry-After beyond it is not believed."""

LATER = frozenset({408, 429, 502, 503, 504})
MISTAKEN = frozenset({401, 403, 404, 407})
"""What a wrong setting of ours, or of theirs, is answered: what is queued is not to be lost over it."""


class Verdict(Enum):
    """What becomes of a request."""

    SENT = "sent"
    AGAIN = "again"
    REFUSED = "refused"


def verdict(status: int) -> Verdict:
    """By the status of the answer. A redirect is followed nowhere: it is a wrong setting too."""
    if 200 <= status < 300:  # noqa: PLR2004 - HTTP's classes
        return Verdict.SENT
    if status in LATER or status in MISTAKEN or 300 <= status < 400:  # noqa: PLR2004
        return Verdict.AGAIN
    return Verdict.REFUSED


def pause(failures: int, asked: float, random: Callable[[], float]) -> float:
    """Seconds until the next try after so many failures in a row: doubling, jittered, never sooner than asked."""
    ceiling: float = min(MOST_SECONDS, FIRST_SECONDS * 2 ** min(failures - 1, 10))
    return max(asked, ceiling * (0.5 + random() / 2))


def retry_after(value: str | None, now: datetime) -> float:
    """The seconds that a Retry-After asks for, as a number or as a date; 0 without one, or for what is none."""
    text = (value or "").strip()
    seconds = float(text[:9]) if text.isascii() and text.isdigit() else _until(text, now)
    return min(LONGEST_ASKED, max(0.0, seconds))


def _until(text: str, now: datetime) -> float:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return 0.0
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now).total_seconds()
