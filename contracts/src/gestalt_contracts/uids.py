"""Names for ever: UUIDv7 (RFC 9562), which sort by the time they were made."""

from __future__ import annotations

import secrets
import threading
import time
import uuid

_RANDOM_BITS = 74  # what the layout leaves beside time, version and variant
_LOW_BITS = 62  # of these, below the variant
_STEP_BITS = 32  # unguessable distance between two uids of one millisecond


class UidSource:
    """Makes uids that never sort before one it made earlier, also when the clock is set back."""

    def __init__(self) -> None:
        self._last = 0  # time and random bits of the last uid, as one number
        self._lock = threading.Lock()

    def new(self, milliseconds: int) -> uuid.UUID:
        """A uid of this moment (Unix time in ms), or of just after the last one."""
        fresh = milliseconds << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)
        with self._lock:
            if fresh >> _RANDOM_BITS <= self._last >> _RANDOM_BITS:
                fresh = self._last + 1 + secrets.randbits(_STEP_BITS)
            self._last = fresh
        return _laid_out(fresh)


def _laid_out(number: int) -> uuid.UUID:
    low = number & ((1 << _LOW_BITS) - 1)
    middle = number >> _LOW_BITS & 0xFFF
    milliseconds = number >> _RANDOM_BITS
    return uuid.UUID(int=milliseconds << 80 | 0x7 << 76 | middle << 64 | 0b10 << 62 | low)


_source = UidSource()


def new_uid() -> str:
    """A new uid, later in order than every one this process made before."""
    return str(_source.new(time.time_ns() // 1_000_000))
