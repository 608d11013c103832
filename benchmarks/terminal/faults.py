"""What a viewer that never reads costs, and how long a kill is felt."""

from __future__ import annotations

import asyncio
import os
import signal
import statistics
import time
from collections.abc import Iterator

import httpx

from benchmarks import budgets
from benchmarks.terminal.clients import Client
from benchmarks.terminal.cost import private_kb
from benchmarks.terminal.latency import FLOOD
from benchmarks.terminal.report import Figure
from benchmarks.terminal.systems import Ours

STEP = 0.01
LONGEST = 10.0


def stalled(ours: Ours, *, seconds: float) -> Iterator[Figure]:
    """Memory of worker and gateway while `yes` runs before a viewer that never reads, and one that does."""
    uid = ours.create(FLOOD)
    reading = ours.connect(uid, "")
    _read_for(reading, 1.0)
    base = _memory(ours)
    sleeping = ours.connect(uid, "cursor=0")
    got, most, until = 0, 0, time.perf_counter() + seconds
    while time.perf_counter() < until:
        got += _read_for(reading, 0.5)
        most = max(most, _memory(ours) - base)
    for client in (reading, sleeping):
        client.close()
    ours.delete(uid)
    yield Figure("viewer that never reads", most / 1e3, "MB", None, budgets.STALLED_MEMORY)
    yield Figure("  the other viewer meanwhile", got / seconds / 1e6, "MB/s")


def _memory(ours: Ours) -> int:
    roles = ours.roles()
    return sum(private_kb(pid) for role in ("worker", "gateway") for pid in roles[role])


def _read_for(client: Client, seconds: float) -> int:
    got, until = 0, time.perf_counter() + seconds
    while time.perf_counter() < until:
        got += len(client.receive())
    return got


def first_byte(ours: Ours, *, times: int) -> Iterator[Figure]:
    """From the kill of a worker or host in mid-flood to the next byte at a viewer that comes back by cursor."""
    for role in ("worker", "host"):
        waits = [_kill_when_settled(ours, role) for _ in range(times)]
        yield Figure(f"first byte after kill of {role}, worst", max(waits), "s", None, budgets.FIRST_BYTE)
        yield Figure(f"first byte after kill of {role}, p50", statistics.median(waits), "s")


def _kill_when_settled(ours: Ours, role: str) -> float:
    """With warm spares, and all proven: who dies within a second of its start is restarted later and later."""
    asyncio.run(ours.stack.settled(proven=True))
    return _kill(ours, role)


def _kill(ours: Ours, role: str) -> float:
    uid = ours.create(FLOOD)
    client = ours.connect(uid)
    cursor = _read_for(client, 0.3)
    (victim,) = ours.roles()[role]
    os.kill(victim, signal.SIGKILL)
    killed = time.perf_counter()
    cursor += _left(client) if role == "worker" else 0
    waited = _next_byte(ours, uid, cursor) if role == "worker" else _still(client, killed)
    client.close()
    _until_deleted(ours, uid)
    return waited - killed


def _left(client: Client) -> int:
    """What was under way until the connection ended."""
    got = 0
    try:
        while data := client.receive():
            got += len(data)
    except OSError:
        return got
    return got


def _next_byte(ours: Ours, uid: str, cursor: int) -> float:
    until = time.perf_counter() + LONGEST
    while time.perf_counter() < until:
        try:
            client = ours.connect(uid, f"cursor={cursor}")
            if client.receive():
                client.close()
                return time.perf_counter()
        except OSError:
            time.sleep(STEP)  # noqa: TID251 - as any client would between tries
    raise TimeoutError(f"no byte of {uid} within {LONGEST} s")


def _still(client: Client, killed: float) -> float:
    """The same connection goes on; what was written before the kill does not count."""
    while time.perf_counter() - killed < STEP:
        client.receive()
    client.receive()
    return time.perf_counter()


def _until_deleted(ours: Ours, uid: str) -> None:
    until = time.perf_counter() + LONGEST
    while time.perf_counter() < until:
        try:
            ours.delete(uid)
        except httpx.HTTPError:
            time.sleep(STEP)  # noqa: TID251 - the worker may be on its way back
        else:
            return
