"""How long to wait before a process is started again (contract §9)."""

from __future__ import annotations

FIRST_DELAY = 0.1
"""Seconds: long enough that a crash loop does not eat a core, too short to be noticed."""
LONGEST_DELAY = 5.0
"""Seconds: a service that cannot start is tried this often, so that it comes up soon after its cause is gone."""
PROVEN_AFTER = 1.0
"""Seconds of readiness after which an end is an accident, not a failure to start."""


def delay(early_ends: int) -> float:
    """Seconds to wait after `early_ends` ends in a row that came before PROVEN_AFTER (0: it had been proven)."""
    return min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** min(max(0, early_ends - 1), 10))


def proven(ready_at: float | None, now: float) -> bool:
    """Whether a process that ends now was ready for long enough to be restarted without doubt."""
    return ready_at is not None and now - ready_at >= PROVEN_AFTER
