"""python -m benchmarks.screen [--quick] [--only NAME]…: measure, print the table, judge."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.screen import asking, attaching, following, holding
from benchmarks.terminal.report import Figure, table
from benchmarks.terminal.systems import Ours
from tests.support.stack import Stack

Experiment = Callable[[Ours, Path, bool], Iterator[Figure]]

EXPERIMENTS: dict[str, Experiment] = {
    "attaching": lambda ours, folder, quick: attaching.measure(ours, folder, times=10 if quick else 100),
    "following": lambda ours, folder, quick: following.measure(ours, folder, rounds=2 if quick else 6),
    "holding": lambda ours, _, quick: holding.measure(ours, sessions=8 if quick else 64),
    "asking": lambda ours, folder, quick: asking.measure(ours, folder, questions=200 if quick else 1_000),
}


def main() -> int:
    """Run what was asked for; 1 when a budget is missed."""
    parser = argparse.ArgumentParser(prog="benchmarks.screen", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small runs")
    parser.add_argument("--only", action="append", choices=EXPERIMENTS, metavar="NAME", help=" ".join(EXPERIMENTS))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = asyncio.run(_run(Path(folder), options.only or list(EXPERIMENTS), options.quick))
    print(table(figures))
    return 0 if all(figure.holds for figure in figures) else 1


async def _run(folder: Path, names: list[str], quick: bool) -> list[Figure]:  # noqa: FBT001 - as it comes from the command line
    figures: list[Figure] = []
    for name in names:
        async with Stack(folder / name) as stack:
            await stack.settled()
            figures += await asyncio.to_thread(list, EXPERIMENTS[name](Ours(stack), folder, quick))
    return figures


if __name__ == "__main__":
    sys.exit(main())
