"""How often a flow may fire: debounce, throttle, cooldown, absence, each a state and a pure step. Times: milliseconds.

The same rules run in Redis (`lua/`), where replicas share the state; tests hold the two against each other.
"""

from __future__ import annotations

from msgspec import Struct


class Throttle(Struct, frozen=True):
    """At most `limit` runs in any `per` milliseconds."""

    limit: int
    per: int


def throttled(taken: tuple[int, ...], now: int, rule: Throttle) -> tuple[bool, tuple[int, ...]]:
    """Whether a run may begin at `now`, and the runs that count from then on (`taken`: their times, ascending)."""
    recent = tuple(moment for moment in taken if moment > now - rule.per)
    return (True, (*recent, now)) if len(recent) < rule.limit else (False, recent)


def cooled(last: int | None, now: int, pause: int) -> tuple[bool, int | None]:
    """Whether a run may begin `pause` after the last one, and when the last one then was."""
    return (True, now) if last is None or now - last >= pause else (False, last)


class Waiting(Struct, frozen=True):
    """A timer that is set: it fires at `due` for the event that set it last."""

    due: int
    event_at: int
    event: str


def debounced(waiting: Waiting | None, event: str, at: int, pause: int) -> Waiting:
    """The timer after one more event: each moves it on; an event that arrives late moves nothing back."""
    if waiting is not None and waiting.event_at > at:
        return waiting
    return Waiting(at + pause, at, event)


def seen(waiting: Waiting | None, event: str, at: int, silence: int) -> Waiting:
    """An absence's timer after a sign of life at `at`, by the event's own clock."""
    return debounced(waiting, event, at, silence)


def ended(waiting: Waiting | None, at: int) -> Waiting | None:
    """An absence's timer after the event that ends the wait; one older than the timer's own event ends nothing."""
    return None if waiting is None or at >= waiting.event_at else waiting


def is_absent(waiting: Waiting, now: int, oldest_unseen: int | None, lateness: int) -> bool:
    """Whether it may be said that nothing came: the time is over, and no event from before is still on its way.

    `oldest_unseen`: when the oldest event that nobody has looked at yet was published.
    """
    if now < waiting.due + lateness:
        return False
    return oldest_unseen is None or oldest_unseen > waiting.due
