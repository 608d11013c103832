"""Latencies: an echo when idle and beside floods, creating, attaching, catching up."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import budgets
from benchmarks.terminal.clients import Client, drain
from benchmarks.terminal.flood import Text
from benchmarks.terminal.report import Figure
from benchmarks.terminal.systems import Bare, Ours

ECHO = ["sh", "-c", "stty raw -echo; printf r; exec cat"]
FLOOD = ["yes", "a line of a build that prints and prints and prints"]
MILLISECONDS = 1e3
WARM_UP = 50


def echo(ours: Ours, *, samples: int) -> Iterator[Figure]:
    """p50 and p99 idle (as ratios), then beside one and twenty floods."""
    with Bare(ECHO) as bare:
        limit = _echo(bare.connect(), samples)
    with _session(ours, ECHO) as uid:
        mine = _echo(ours.connect(uid), samples)
        yield Figure("echo idle p50", mine[0], "ms", limit[0], budgets.ECHO_IDLE)
        yield Figure("echo idle p99", mine[1], "ms", limit[1], budgets.ECHO_IDLE)
        bounds = {
            1: (budgets.ECHO_ONE_P50, budgets.ECHO_ONE_P99),
            20: (budgets.ECHO_TWENTY_P50, budgets.ECHO_TWENTY_P99),
        }
        for floods, (half, worst) in bounds.items():
            with _floods(ours, floods):
                mine = _echo(ours.connect(uid), samples, pause=0.002)
            yield Figure(f"echo beside {floods} flood(s) p50", mine[0], "ms", None, half)
            yield Figure(f"echo beside {floods} flood(s) p99", mine[1], "ms", None, worst)


def _echo(client: Client, samples: int, pause: float = 0.0) -> tuple[float, float]:
    assert bytes(client.receive()) != b""
    times = []
    for number in range(samples + WARM_UP):
        begun = time.perf_counter()
        client.type(b"k")
        client.receive()
        if number >= WARM_UP:
            times.append((time.perf_counter() - begun) * MILLISECONDS)
        if pause:
            time.sleep(pause)  # noqa: TID251 - a person types; without it the floods are measured, not the echo
    client.close()
    return statistics.median(times), statistics.quantiles(times, n=100)[98]


@contextmanager
def _session(ours: Ours, program: list[str]) -> Iterator[str]:
    uid = ours.create(program)
    try:
        yield uid
    finally:
        ours.delete(uid)


@contextmanager
def _floods(ours: Ours, count: int) -> Iterator[None]:
    uids = [ours.create(FLOOD) for _ in range(count)]
    try:
        yield
    finally:
        for uid in uids:
            ours.delete(uid)


def create_and_attach(ours: Ours, *, samples: int) -> Iterator[Figure]:
    """p50 of POST /api/sessions, and of connecting a viewer until its first byte."""
    attaching: list[float] = []
    uids: list[str] = []
    creating = [_timed(lambda: uids.append(ours.create(ECHO))) for _ in range(samples)]
    for uid in uids:
        client = ours.connect(uid)
        client.receive()
        client.close()
        attaching.append(_timed(lambda uid=uid: _attach(ours, uid)))  # type: ignore[misc]
    for uid in uids:
        ours.delete(uid)
    yield Figure("create p50", statistics.median(creating), "ms", None, budgets.CREATE_P50)
    yield Figure("attach p50", statistics.median(attaching), "ms", None, budgets.ATTACH_P50)


def _attach(ours: Ours, uid: str) -> None:
    client = ours.connect(uid)
    assert bytes(client.receive()) == b"r"
    client.close()


def _timed(act: Callable[[], object]) -> float:
    begun = time.perf_counter()
    act()
    return (time.perf_counter() - begun) * MILLISECONDS


def catch_up(ours: Ours, folder: Path, *, rounds: int) -> Iterator[Figure]:
    """8 MiB of history: ours from the journal; the bare relay must have it written anew by `cat` into a socket."""
    text = Text(folder, 8)
    with Bare(["sh", "-c", f"stty raw -echo; exec cat {text.path}"]) as bare:
        limit = statistics.median(_timed(lambda: _drain(bare.connect(), text)) for _ in range(rounds))
    with _session(ours, ["sh", "-c", f"stty raw -echo; cat {text.path}; sleep 600"]) as uid:
        _drain(ours.connect(uid), text)
        mine = statistics.median(_timed(lambda: _drain(ours.connect(uid), text)) for _ in range(rounds))
    yield Figure("8 MiB catch-up", mine, "ms", limit, budgets.CATCH_UP)


def _drain(client: Client, text: Text) -> None:
    assert drain(client, text.size) == text.crc
    client.close()
