"""A process that stood still: what was sent to it before is not done any more."""

from __future__ import annotations

import asyncio

from waiting import eventually

from gestalt_session.cluster.standstill import LOOK_SECONDS, Standstill


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def test_a_standstill_is_seen_at_once_and_told_once() -> None:
    clock, told = Clock(), []
    standstill = Standstill(2.0, clock)
    clock.now += 50  # before the watch begins nothing is promised
    watching = asyncio.create_task(standstill.watch(lambda: told.append(clock.now)))
    await eventually(lambda: not standstill.lasted())
    clock.now += LOOK_SECONDS
    assert not standstill.lasted()
    clock.now += 2.0
    assert standstill.lasted()
    await eventually(lambda: told)
    assert not standstill.lasted()
    assert told == [152.5]
    watching.cancel()
