"""A hundred sessions that do nothing: what they cost."""

from __future__ import annotations

import time
from collections.abc import Iterator

from benchmarks import budgets
from benchmarks.terminal.cost import cpu_seconds, own_kb
from benchmarks.terminal.report import Figure
from benchmarks.terminal.systems import Ours

SESSIONS = 100
FIRST = 20
"""Made before the base is taken: what is loaded and cached for the first sessions is no session's own."""
SETTLE_SECONDS = 2.5  # until the last records are written
IDLE = ["sleep", "600"]


def measure(ours: Ours, *, seconds: float) -> Iterator[Figure]:
    """CPU of all our processes, and memory a session."""
    uids = [ours.create(IDLE) for _ in range(FIRST)]
    _wait(SETTLE_SECONDS)
    base = own_kb(ours.everyone())
    uids += [ours.create(IDLE) for _ in range(SESSIONS)]
    _wait(SETTLE_SECONDS)
    grown = (own_kb(ours.everyone()) - base) / SESSIONS
    used = _cpu_percent(ours, seconds, [uids.pop() for _ in range(FIRST)])
    for uid in uids:
        ours.delete(uid)
    yield Figure("100 idle sessions, CPU", used, "%", None, budgets.IDLE_CPU)
    yield Figure("memory a session", grown, "kB", None, budgets.IDLE_MEMORY)


def _cpu_percent(ours: Ours, seconds: float, surplus: list[str]) -> float:
    """Of one core, by all our processes, once the surplus is gone."""
    for uid in surplus:
        ours.delete(uid)
    _wait(SETTLE_SECONDS)
    everyone = ours.everyone()
    before, begun = cpu_seconds(everyone), time.perf_counter()
    _wait(seconds)
    return (cpu_seconds(everyone) - before) / (time.perf_counter() - begun) * 100


def _wait(seconds: float) -> None:
    time.sleep(seconds)  # noqa: TID251 - the experiment is to do nothing for a while
