"""Floods: 100 MB of text to 1, 5 and 20 viewers, every byte checked; what it costs and who pays."""

from __future__ import annotations

import statistics
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks import budgets
from benchmarks.terminal.clients import Client, drain
from benchmarks.terminal.cost import cpu_seconds
from benchmarks.terminal.report import Figure
from benchmarks.terminal.systems import Bare, Ours, Ttyd
from tests.support import programs

GIGABYTE = 1e9


@dataclass(frozen=True)
class Run:
    """One flood: MB/s of one viewer's stream, and CPU seconds a GB by process."""

    rate: float
    cost: dict[str, float]


class Text:
    """A file of known text, and the program that writes it to a terminal once it is told to."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        self.size = megabytes * programs.MEGABYTE
        self.path = folder / f"{megabytes}.txt"
        data = programs.expected(0, self.size)
        self.path.write_bytes(data)
        self.crc = zlib.crc32(data)

    @property
    def program(self) -> list[str]:
        """Raw, quiet, and waiting for one byte."""
        return ["sh", "-c", f"stty raw -echo; printf r; head -c 1 >/dev/null; exec cat {self.path}"]

    @property
    def lingering(self) -> list[str]:
        """The same, staying afterwards: ttyd drops what it has not sent when the program ends."""
        return ["sh", "-c", f"stty raw -echo; printf r; head -c 1 >/dev/null; cat {self.path}; exec sleep 600"]


def measure(ours: Ours, folder: Path, *, megabytes: int, rounds: int) -> Iterator[Figure]:
    """All flood figures."""
    text = Text(folder, megabytes)
    for viewers in (1, 5, 20):
        part = text if viewers == 1 else Text(folder, max(1, megabytes // viewers))
        mine, bare = [], []
        for _ in range(rounds):  # alternating, so that what else the machine does hits both
            bare.append(_bare(part, viewers))
            mine.append(_ours(ours, part, viewers))
        yield from _figures(viewers, mine, bare)


def peers(ours: Ours, folder: Path, *, megabytes: int, rounds: int) -> Iterator[Figure]:
    """The same flood by a bare PTY without any relay, and by ttyd where it is installed."""
    text = Text(folder, megabytes)
    rivals: dict[str, Callable[[], Bare | Ttyd]] = {"raw": lambda: Bare(text.program, relay=False)}
    if Ttyd.is_here():
        rivals["ttyd"] = lambda: Ttyd(text.lingering)
    else:
        print("ttyd is not on PATH: not compared", file=sys.stderr)
    for name, start in rivals.items():
        mine, theirs = [], []
        for _ in range(rounds):
            with start() as rival:
                theirs.append(_flood([rival.connect()], text, {"all": rival.pids}))
            mine.append(_ours(ours, text, 1))
        rate, limit = _median(mine, lambda run: run.rate), _median(theirs, lambda run: run.rate)
        yield Figure(f"flood against {name}", rate, "MB/s", limit, budgets.FLOOD_TTYD if name == "ttyd" else None)


def _figures(viewers: int, mine: list[Run], bare: list[Run]) -> Iterator[Figure]:
    rate, limit = _median(mine, lambda run: run.rate), _median(bare, lambda run: run.rate)
    budget = {1: budgets.FLOOD_RATE, 20: budgets.FANOUT_RATE}.get(viewers)
    yield Figure(f"flood, {viewers} viewer(s)", rate, "MB/s", limit, budget)
    if viewers == 1:
        total = _median(bare, lambda run: sum(run.cost.values()))
        yield Figure("flood CPU", _median(mine, lambda run: sum(run.cost.values())), "s/GB", total, budgets.FLOOD_CPU)
        for role in mine[0].cost:
            cost = _median(mine, lambda run, role=role: run.cost[role])  # type: ignore[misc]
            yield Figure(f"  of which {role}", cost, "s/GB", None, budgets.GATEWAY_CPU if role == "gateway" else None)


def _median(runs: list[Run], of: Callable[[Run], float]) -> float:
    return statistics.median(of(run) for run in runs)


def _bare(text: Text, viewers: int) -> Run:
    with Bare(text.program, viewers) as bare:
        clients = [bare.connect() for _ in range(viewers)]
        return _flood(clients, text, {"all": bare.pids})


def _ours(ours: Ours, text: Text, viewers: int) -> Run:
    uid = ours.create(text.program)
    clients = [ours.connect(uid) for _ in range(viewers)]
    run = _flood(clients, text, ours.roles())
    ours.delete(uid)
    return run


def _flood(clients: list[Client], text: Text, roles: dict[str, list[int]]) -> Run:
    for client in clients:
        assert bytes(client.receive()) == b"r"
    before = {role: cpu_seconds(pids) for role, pids in roles.items()}
    begun = time.perf_counter()
    clients[0].type(b"x")
    crcs: list[int] = []
    readers = [threading.Thread(target=lambda c=client: crcs.append(drain(c, text.size))) for client in clients]  # type: ignore[misc]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    seconds = time.perf_counter() - begun
    assert crcs == [text.crc] * len(clients), "a byte is wrong"
    size = text.size * len(clients) / GIGABYTE
    for client in clients:
        client.close()
    return Run(
        text.size / programs.MEGABYTE / seconds, {r: (cpu_seconds(p) - before[r]) / size for r, p in roles.items()}
    )
