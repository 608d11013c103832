"""Moments to measure at: when the screen process has nothing left to do."""

from __future__ import annotations

import time

from benchmarks.terminal.cost import cpu_seconds
from benchmarks.terminal.systems import Ours

LONGEST = 120.0
STEP = 0.2


def cpu_of_screens(ours: Ours) -> float:
    """CPU seconds so far of the processes that know the screens."""
    return cpu_seconds(ours.stack.screen_pids())


def at_rest(ours: Ours) -> None:
    """Wait until they do nothing."""
    until, before = time.monotonic() + LONGEST, -1.0
    while (now := cpu_of_screens(ours)) != before:
        if time.monotonic() > until:
            raise TimeoutError(f"the screens were not at rest within {LONGEST} s")
        before = now
        time.sleep(STEP)  # noqa: TID251 - to see whether anything is done


def caught_up(ours: Ours, uid: str, offset: int) -> None:
    """Wait until a session has written so much, and its screen shows the end of it."""
    until = time.monotonic() + LONGEST
    while time.monotonic() < until:
        end = ours.http.get(f"/api/sessions/{uid}").json()["output_bytes"]
        if end >= offset and ours.http.get(f"/api/sessions/{uid}/screen").json().get("cursor") == end:
            at_rest(ours)
            return
        time.sleep(STEP)  # noqa: TID251 - between two looks
    raise TimeoutError(f"the screen of {uid} was not there within {LONGEST} s")
