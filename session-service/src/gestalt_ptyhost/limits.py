"""Up to where each terminal is read, so that viewers who are behind, or about to come back, find every byte.

A limit is an offset, told ahead by the worker, since one that gets no turn while a program floods would say "stop" too
late. It holds for a few seconds only: a worker that hangs, or is gone, holds no program for longer.
"""

from typing import Final, NamedTuple

SECONDS: Final = 5.0
"""How long a limit holds. A killed worker is back in under two; one that is away longer has lost its viewers' patience
too, and a living one renews."""
ALLOWANCE: Final = 24 * 1024 * 1024
"""Bytes that one session may write when its worker is lost: under half of the default journal, so that what viewers
had not seen yet is kept."""


class Loss(NamedTuple):
    """If the worker is lost: stop at `offset`, and tell the next one how many `viewers` it had. None: not known."""

    offset: int | None
    viewers: int | None


NOTHING_KNOWN: Final = Loss(None, None)


class Limit(NamedTuple):
    """Stop at `offset`, until `until` (monotonic seconds); as `loss` says if the worker is lost in that time."""

    offset: int
    until: float
    loss: Loss


class Limits:
    """The limits of all sessions, by number."""

    def __init__(self) -> None:
        self._limits: dict[int, Limit] = {}
        self._held: set[int] = set()

    def set(self, session: int, offset: int, loss: Loss, now: float) -> None:
        """The session is read up to `offset`; what was told before is void."""
        self._limits[session] = Limit(offset, now + SECONDS, loss)

    def lose(self, session: int, end: int, now: float) -> Loss:
        """The worker is lost: the session, read up to `end`, may go as far as it said, or its allowance.

        What holds from now on, for the next worker.
        """
        told = self._limits.get(session)
        loss = told.loss if told and now < told.until else NOTHING_KNOWN
        offset = end + ALLOWANCE if loss.offset is None else loss.offset
        loss = Loss(offset, loss.viewers)
        self._limits[session] = Limit(offset, now + SECONDS, loss)
        return loss

    def lift(self, session: int) -> None:
        """The session has none."""
        self._limits.pop(session, None)
        self._held.discard(session)

    def holds(self, session: int, end: int) -> bool:
        """Whether the session, read up to `end`, has to wait. If so it is among those `expired` returns one day."""
        limit = self._limits.get(session)
        if limit is None or end < limit.offset:
            self._held.discard(session)
            return False
        self._held.add(session)
        return True

    @property
    def deadline(self) -> float | None:
        """When the first of those who wait is let go on, in monotonic seconds."""
        return min((self._limits[session].until for session in self._held), default=None)

    def expired(self, now: float) -> list[int]:
        """Who has waited long enough: their limits are lifted."""
        over = [session for session in self._held if now >= self._limits[session].until]
        for session in over:
            self.lift(session)
        return over
