"""A hundred sessions that do nothing: what they cost."""

from __future__ import annotations

import time
from collections.abc import Iterator

from benchmarks import budgets
from benchmarks.terminal.cost import fine_cpu_seconds, private_kb
from benchmarks.terminal.report import Figure
from benchmarks.terminal.systems import Ours

SESSIONS = 100
SETTLE_SECONDS = 2.0  # until the last records are written


def measure(ours: Ours, *, seconds: float) -> Iterator[Figure]:
    """CPU of all our processes, spares included, and memory a session."""
    uids = [ours.create(["sleep", "600"])]  # the host is there before the base is taken
    base = _memory(ours)
    uids += [ours.create(["sleep", "600"]) for _ in range(SESSIONS)]
    grown = (_memory(ours) - base) / SESSIONS
    _wait(SETTLE_SECONDS)
    everyone = [ours.stack.pid, *ours.stack.service_pids(), *ours.stack.host_pids()]
    before = fine_cpu_seconds(everyone)
    begun = time.perf_counter()
    _wait(seconds)
    used = (fine_cpu_seconds(everyone) - before) / (time.perf_counter() - begun) * 100
    for uid in uids:
        ours.delete(uid)
    yield Figure("100 idle sessions, CPU", used, "%", None, budgets.IDLE_CPU)
    yield Figure("memory a session", grown, "kB", None, budgets.IDLE_MEMORY)


def _memory(ours: Ours) -> int:
    return sum(private_kb(pid) for pids in ours.roles().values() for pid in pids)


def _wait(seconds: float) -> None:
    time.sleep(seconds)  # noqa: TID251 - the experiment is to do nothing for a while
