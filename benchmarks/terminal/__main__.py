"""python -m benchmarks.terminal [--quick] [--only NAME]… [--json PATH]: measure, print the table, judge."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.terminal import faults, flood, idle, latency, plans
from benchmarks.terminal.report import Figure, as_json, table
from benchmarks.terminal.systems import Ours
from tests.support import programs
from tests.support.stack import Stack

Experiment = Callable[[Ours, Path, bool], Iterator[Figure]]

EXPERIMENTS: dict[str, Experiment] = {
    "flood": lambda ours, folder, quick: flood.measure(ours, folder, size=_size(quick), rounds=3 if quick else 5),
    "peers": lambda ours, folder, quick: flood.peers(ours, folder, size=_size(quick), rounds=3),
    "echo": lambda ours, _, quick: latency.echo(ours, samples=600 if quick else 2_000),
    "create": lambda ours, _, quick: latency.create_and_attach(ours, samples=20 if quick else 60),
    "catchup": lambda ours, folder, quick: latency.catch_up(ours, folder, rounds=5 if quick else 15),
    "idle": lambda ours, _, quick: idle.measure(ours, seconds=3 if quick else 10),
    "plans": lambda ours, _, quick: plans.measure(ours, samples=20 if quick else 60),
    "stalled": lambda ours, _, quick: faults.stalled(ours, seconds=5 if quick else 30),
    "kills": lambda ours, _, quick: faults.first_byte(ours, times=2 if quick else 20),
}


def _size(quick: bool) -> int:  # noqa: FBT001 - as it comes from the command line
    return (40 if quick else 100) * programs.MEGABYTE


def main() -> int:
    """Run what was asked for; 1 when a budget is missed."""
    parser = argparse.ArgumentParser(prog="benchmarks.terminal", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small runs")
    parser.add_argument("--only", action="append", choices=EXPERIMENTS, metavar="NAME", help=" ".join(EXPERIMENTS))
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = asyncio.run(_run(Path(folder), options.only or list(EXPERIMENTS), options.quick))
    print(table(figures))
    if options.json:
        options.json.write_text(json.dumps(as_json(figures), indent=2))
    return 0 if all(figure.holds for figure in figures) else 1


async def _run(folder: Path, names: list[str], quick: bool) -> list[Figure]:  # noqa: FBT001 - as it comes from the command line
    figures: list[Figure] = []
    for name in names:
        async with Stack(folder / name) as stack:
            await stack.settled()
            figures += await asyncio.to_thread(_figures, EXPERIMENTS[name], Ours(stack), folder, quick)
    return figures


def _figures(experiment: Experiment, ours: Ours, folder: Path, quick: bool) -> list[Figure]:  # noqa: FBT001
    figures = []
    for figure in experiment(ours, folder, quick):
        print(f"… {figure.name}: {figure.value:.3g} {figure.unit}", file=sys.stderr)
        figures.append(figure)
    return figures


if __name__ == "__main__":
    sys.exit(main())
