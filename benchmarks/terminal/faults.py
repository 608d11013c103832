"""What a viewer that never reads costs, and how long a kill is felt."""

from __future__ import annotations

import asyncio
import os
import signal
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress

import httpx

from benchmarks import budgets
from benchmarks.terminal.clients import BUFFER, Follower
from benchmarks.terminal.cost import own_kb
from benchmarks.terminal.latency import FLOOD, LINE
from benchmarks.terminal.report import Figure
from benchmarks.terminal.systems import Ours

STEP = 0.01
LONGEST = 10.0
GLANCE = 0.5
FLOODED = 0.3
"""Seconds of flood before a kill."""
UNIT = len(LINE) + len("\r\n")
KNOWN = f"{LINE}\r\n".encode() * (BUFFER // UNIT + 2)


def stalled(ours: Ours, *, seconds: float) -> Iterator[Figure]:
    """Memory of worker and gateway while `yes` runs before a viewer that never reads, and one that does."""
    with ours.session(FLOOD) as uid, closing(_from_start(ours, uid)) as reading:
        alone = _rate(reading, seconds / 4, lambda: None)
        base, growths = _memory(ours), [0.0]
        with closing(ours.connect(uid)):
            beside = _rate(reading, seconds, lambda: growths.append(_memory(ours) - base))
    yield Figure("viewer that never reads, memory", max(growths) / 1e3, "MB", None, budgets.STALLED_MEMORY)
    yield Figure("  the other viewer, beside it and alone", beside, "MB/s", alone, budgets.STALLED_OTHER)


def _from_start(ours: Ours, uid: str) -> Follower:
    return Follower(ours.connect(uid), KNOWN, unit=UNIT)


def _memory(ours: Ours) -> float:
    roles = ours.roles()
    return own_kb([*roles["worker"], *roles["gateway"]])


def _rate(reading: Follower, seconds: float, look: Callable[[], None]) -> float:
    """MB/s over so many seconds, with a look at things every half second."""
    begun, at = time.perf_counter(), reading.offset
    while (now := time.perf_counter()) < begun + seconds:
        _read_until(reading, min(now + GLANCE, begun + seconds))
        look()
    return (reading.offset - at) / (time.perf_counter() - begun) / 1e6


def _read_until(reading: Follower, until: float) -> None:
    while time.perf_counter() < until:
        assert reading.receive(), "the flood has ended"


def first_byte(ours: Ours, *, times: int) -> Iterator[Figure]:
    """From the kill of a process in mid-flood to the next byte that was written after it, at the same viewer.

    A viewer that is cut off comes back with its cursor. Every byte is checked.
    """
    for role in ("worker", "host", "gateway"):
        waits = [_kill_when_settled(ours, role) for _ in range(times)]
        budget = None if role == "gateway" else budgets.FIRST_BYTE
        yield Figure(f"first byte after kill of {role}, worst of {times}", max(waits), "s", None, budget)
        yield Figure(f"first byte after kill of {role}, p50", statistics.median(waits), "s")


def _kill_when_settled(ours: Ours, role: str) -> float:
    """When all are proven: who dies within a second of its start is restarted later and later."""
    asyncio.run(ours.stack.settled(proven=True))
    uid = ours.create(FLOOD)
    reading = _from_start(ours, uid)
    _read_until(reading, time.perf_counter() + FLOODED)
    waited = _kill(ours, uid, role, reading)
    reading.close()
    _until_deleted(ours, uid)
    return waited


def _kill(ours: Ours, uid: str, role: str, reading: Follower) -> float:
    """Seconds until the first byte that was not there when `role` was killed."""
    (victim,) = ours.roles()[role]
    os.kill(victim, signal.SIGKILL)
    killed, there = time.perf_counter(), _journalled(ours, uid)
    while reading.offset <= there:
        if not _more(reading):
            _come_back(ours, uid, reading)
    return time.perf_counter() - killed


def _more(reading: Follower) -> bool:
    with suppress(OSError):
        return reading.receive()
    return False


def _come_back(ours: Ours, uid: str, reading: Follower) -> None:
    reading.close()
    until = time.perf_counter() + LONGEST
    while time.perf_counter() < until:
        try:
            reading.client = ours.connect(uid, f"cursor={reading.offset}")
        except OSError:
            time.sleep(STEP)  # noqa: TID251 - as any client would between tries
        else:
            return
    raise TimeoutError(f"no way back to {uid} within {LONGEST} s")


def _journalled(ours: Ours, uid: str) -> int:
    """The offset of the end of a session's journal."""
    (folder,) = ours.stack.data.glob(f"slots/*/sessions/{uid}/journal")
    last = max(path for path in folder.iterdir() if path.name.isdigit())
    return int(last.name) + last.stat().st_size


def _until_deleted(ours: Ours, uid: str) -> None:
    until = time.perf_counter() + LONGEST
    while time.perf_counter() < until:
        try:
            ours.delete(uid)
        except httpx.HTTPError:
            time.sleep(STEP)  # noqa: TID251 - the worker may be on its way back
        else:
            return
