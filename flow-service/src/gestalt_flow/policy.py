"""When an activity is tried again (contract §6). Pure."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

ATTEMPTS = 5
FIRST_MS = 1_000
MOST_MS = 30_000
TRANSIENT = frozenset({408, 429})


class Failed(Exception):
    """An activity did not do what it should. `lasting`: trying again is pointless."""

    def __init__(self, message: str, *, status: int | None = None, lasting: bool = True) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.lasting = lasting


class Busy(Exception):
    """The session is at work and the activity waits for it: looked at again later, without counting as an attempt."""


class Skipped(Exception):
    """There is nothing to do, and that is as it should be."""


class Done(Struct, frozen=True, omit_defaults=True):
    """What an activity achieved."""

    status_code: int | None = None
    result: dict[str, str] = {}


def is_transient(status: int) -> bool:
    """Whether an HTTP answer is worth another try."""
    return status in TRANSIENT or status >= 500  # noqa: PLR2004 - HTTP's class


def pause(attempts: int, chance: Callable[[], float]) -> int:
    """Milliseconds until the next attempt after `attempts` failed: doubling, capped, ± 20 % by `chance` (0…1)."""
    whole = min(FIRST_MS * 2 ** (attempts - 1), MOST_MS)
    return min(int(whole * (0.8 + 0.4 * chance())), MOST_MS)


def may_repeat(failure: Failed, attempts: int) -> bool:
    """Whether there is another attempt after `attempts`."""
    return not failure.lasting and attempts < ATTEMPTS
