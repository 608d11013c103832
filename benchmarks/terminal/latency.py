"""Latencies: an echo when idle and beside floods, creating, attaching, catching up."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from benchmarks import budgets
from benchmarks.budgets import Budget
from benchmarks.terminal.clients import Client, drain
from benchmarks.terminal.flood import Text
from benchmarks.terminal.report import Figure
from benchmarks.terminal.systems import Bare, Ours

ECHO = ["sh", "-c", "stty raw -echo; printf r; exec cat"]
LINE = "a line of a build that prints and prints and prints"
FLOOD = ["yes", LINE]
MILLISECONDS = 1e3
ROUNDS = 4
TURN = 50
"""Echoes of one system in a row, before it is the other's turn."""
WARM_UP = 5
TYPING_SECONDS = 0.002
"""Between two keys beside floods: without a pause the floods would hardly get to run."""
CATCH_UP = 8 * 1024 * 1024
BESIDE = {
    1: (budgets.ECHO_ONE_P50, budgets.ECHO_ONE_P99),
    20: (budgets.ECHO_TWENTY_P50, budgets.ECHO_TWENTY_P99),
}


def echo(ours: Ours, *, samples: int) -> Iterator[Figure]:
    """p50 and p99 idle (as ratios), then beside one and twenty floods that are watched too."""
    mine: list[float] = []
    theirs: list[float] = []
    for _ in range(ROUNDS):  # anew each time: where the scheduler has put processes once, they stay for a while
        _by_turns(ours, samples // ROUNDS, mine, theirs)
    yield Figure("echo idle, p50", statistics.median(mine), "ms", statistics.median(theirs), budgets.ECHO_IDLE)
    yield Figure("echo idle, p99", _p99(mine), "ms", _p99(theirs), budgets.ECHO_IDLE)
    for floods, bounds in BESIDE.items():
        yield from _beside(ours, floods, samples, *bounds)


def _by_turns(ours: Ours, samples: int, mine: list[float], theirs: list[float]) -> None:
    with (
        ours.session(ECHO) as uid,
        closing(ours.connect(uid)) as client,
        Bare.terminal(ECHO) as bare,
        closing(bare.connect()) as limit,
    ):
        for each in (client, limit):
            _begin(each)
        for _ in range(samples // TURN):
            theirs += _echoes(limit, TURN)
            mine += _echoes(client, TURN)


def _beside(ours: Ours, floods: int, samples: int, half: Budget, worst: Budget) -> Iterator[Figure]:
    with ours.session(ECHO) as uid, closing(ours.connect(uid)) as client, ours.floods(FLOOD, floods):
        _begin(client)
        times = _echoes(client, samples, pause=TYPING_SECONDS)
    name = f"echo beside {floods} flood{'s' if floods > 1 else ''}"
    yield Figure(f"{name}, p50", statistics.median(times), "ms", None, half)
    yield Figure(f"{name}, p99", _p99(times), "ms", None, worst)


def _begin(client: Client) -> None:
    assert b"".join(client.receive()) == b"r"


def _echoes(client: Client, count: int, *, pause: float = 0.0) -> list[float]:
    """Times in milliseconds."""
    times = []
    for number in range(count + WARM_UP):
        times.append(_timed(lambda: _type(client, b"%c" % (97 + number % 26))))  # noqa: B023 - called at once
        if pause:
            time.sleep(pause)  # noqa: TID251 - a person types; without it the floods are measured, not the echo
    return times[WARM_UP:]


def _type(client: Client, key: bytes) -> None:
    client.type(key)
    assert b"".join(client.receive()) == key


def _p99(times: list[float]) -> float:
    return statistics.quantiles(times, n=100)[98]


def create_and_attach(ours: Ours, *, samples: int) -> Iterator[Figure]:
    """p50 of POST /api/sessions, and of connecting a viewer until its first byte."""
    uids: list[str] = []
    creating = [_timed(lambda: uids.append(ours.create(ECHO))) for _ in range(samples)]
    for uid in uids:
        _attach(ours, uid)  # its program has begun
    attaching = [_timed(lambda: _attach(ours, uid)) for uid in uids]  # noqa: B023 - called at once
    for uid in uids:
        ours.delete(uid)
    yield Figure("create, p50", statistics.median(creating), "ms", None, budgets.CREATE_P50)
    yield Figure("attach, p50", statistics.median(attaching), "ms", None, budgets.ATTACH_P50)


def _attach(ours: Ours, uid: str) -> None:
    with closing(ours.connect(uid)) as client:
        _begin(client)


def _timed(act: Callable[[], object]) -> float:
    begun = time.perf_counter()
    act()
    return (time.perf_counter() - begun) * MILLISECONDS


def catch_up(ours: Ours, folder: Path, *, rounds: int) -> Iterator[Figure]:
    """8 MiB of history from the connect to the last byte; the bare relay sends them from memory."""
    text = Text(folder, CATCH_UP)
    mine: list[float] = []
    theirs: list[float] = []
    with Bare.replay(text.path) as bare, ours.session(text.program(lingers=True)) as uid:
        _write_history(ours, uid, text)
        for _ in range(rounds):
            theirs.append(_timed(lambda: _drain(bare.connect(), text.data)))
            mine.append(_timed(lambda: _drain(ours.connect(uid, "cursor=1"), text.data)))
    yield Figure("8 MiB catch-up", statistics.median(mine), "ms", statistics.median(theirs), budgets.CATCH_UP)


def _write_history(ours: Ours, uid: str, text: Text) -> None:
    with closing(ours.connect(uid)) as client:
        _begin(client)
        client.type(b"x")
        drain([client], text.data)


def _drain(client: Client, data: bytes) -> None:
    with closing(client):
        drain([client], data)
