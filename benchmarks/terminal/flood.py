"""Floods: 100 MB of text to 1, 5 and 20 viewers, every byte checked; what it costs and who pays."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import budgets
from benchmarks.terminal import rawtcp
from benchmarks.terminal.clients import Client, drain
from benchmarks.terminal.cost import cpu_seconds
from benchmarks.terminal.report import Figure
from benchmarks.terminal.systems import Bare, Ours, Ttyd
from tests.support import programs

GIGABYTE = 1e9
FAN_OUT = {1: 1.0, 5: 0.3, 20: 0.1}
"""Viewers, and the share of the text that each gets: the more of them, the less."""


@dataclass(frozen=True)
class Run:
    """One flood: MB/s of one viewer's stream, and CPU seconds a GB by process."""

    rate: float
    cost: dict[str, float]

    @property
    def total(self) -> float:
        """CPU seconds a GB of all processes."""
        return sum(self.cost.values())


class Text:
    """A file of known text, and the programs that write it to a terminal once they are told to."""

    def __init__(self, folder: Path, size: int) -> None:
        self.path = folder / f"{size}.txt"
        self.data = programs.expected(0, size)
        self.path.write_bytes(self.data)

    def program(self, *, lingers: bool = False) -> list[str]:
        """Raw, quiet, waiting for one byte. `lingers`: ttyd drops what it has not sent when the program ends."""
        after = "; exec sleep 600" if lingers else ""
        return ["sh", "-c", f"stty raw -echo; printf r; head -c 1 >/dev/null; cat {self.path}{after}"]


def measure(ours: Ours, folder: Path, *, size: int, rounds: int) -> Iterator[Figure]:
    """Rate, cost and fan-out beside `rawtcp`."""
    for viewers, share in FAN_OUT.items():
        text = Text(folder, int(size * share))
        mine, bare = by_turns(rounds, partial(flooded, ours, text, viewers), partial(_bare, text, viewers))
        yield from _figures(viewers, mine, bare)


def peers(ours: Ours, folder: Path, *, size: int, rounds: int) -> Iterator[Figure]:
    """The same flood by a PTY read in a loop, by a relay that gathers, and by ttyd where it is installed."""
    text = Text(folder, size)
    rivals: dict[str, Callable[[], Run]] = {
        "raw": partial(_raw, text),
        "rawtcp that gathers": partial(_bare, text, 1, gathers=True),
    }
    if Ttyd.is_here():
        rivals["ttyd"] = partial(_ttyd, text)
    else:
        print("ttyd is not on PATH: not compared", file=sys.stderr)
    for name, run in rivals.items():
        mine, theirs = by_turns(rounds, partial(flooded, ours, text, 1), run)
        yield _rate(f"flood against {name}", mine, theirs, budgets.FLOOD_TTYD if name == "ttyd" else None)


def by_turns(rounds: int, ours: Callable[[], Run], other: Callable[[], Run]) -> tuple[list[Run], list[Run]]:
    """Alternating, so that what else the machine does hits both."""
    pairs = [(other(), ours()) for _ in range(rounds)]
    return [mine for _, mine in pairs], [theirs for theirs, _ in pairs]


def _figures(viewers: int, mine: list[Run], bare: list[Run]) -> Iterator[Figure]:
    budget = {1: budgets.FLOOD_RATE, 20: budgets.FANOUT_RATE}.get(viewers)
    yield _rate(f"flood, {viewers} viewer{'s' if viewers > 1 else ''}", mine, bare, budget)
    total, limit = (_median(runs, lambda run: run.total) for runs in (mine, bare))
    yield Figure("  CPU, all together", total, "s/GB", limit, budgets.FLOOD_CPU if viewers == 1 else None)
    for role in mine[0].cost if viewers == 1 else ():
        yield _cost(role, mine)


def _rate(name: str, mine: list[Run], theirs: list[Run], budget: budgets.Budget | None) -> Figure:
    rate, limit = (_median(runs, lambda run: run.rate) for runs in (mine, theirs))
    return Figure(name, rate, "MB/s", limit, budget)


def _cost(role: str, runs: list[Run]) -> Figure:
    cost = _median(runs, lambda run: run.cost[role])
    return Figure(f"  CPU, {role}", cost, "s/GB", None, budgets.GATEWAY_CPU if role == "gateway" else None)


def _median(runs: Sequence[Run], of: Callable[[Run], float]) -> float:
    return statistics.median(of(run) for run in runs)


def _bare(text: Text, viewers: int, *, gathers: bool = False) -> Run:
    with Bare.terminal(text.program(), viewers, gathers=gathers) as bare:
        return _flood([bare.connect() for _ in range(viewers)], text, {"all": bare.pids})


def _ttyd(text: Text) -> Run:
    with Ttyd(text.program(lingers=True)) as ttyd:
        return _flood([ttyd.connect()], text, {"all": ttyd.pids})


def flooded(ours: Ours, text: Text, viewers: int) -> Run:
    """One flood of ours."""
    with ours.session(text.program()) as uid:
        return _flood([ours.connect(uid) for _ in range(viewers)], text, ours.roles())


def _raw(text: Text) -> Run:
    return _flood([rawtcp.Terminal(text.program())], text, {})


def _flood(clients: Sequence[Client], text: Text, roles: dict[str, list[int]]) -> Run:
    for client in clients:
        assert b"".join(client.receive()) == b"r"
    before = {role: cpu_seconds(pids) for role, pids in roles.items()}
    begun = time.perf_counter()
    clients[0].type(b"x")
    drain(clients, text.data)
    seconds = time.perf_counter() - begun
    size = len(text.data)
    cost = {role: (cpu_seconds(pids) - before[role]) / size / len(clients) * GIGABYTE for role, pids in roles.items()}
    for client in clients:
        client.close()
    return Run(size / seconds / programs.MEGABYTE, cost)
