"""python -m benchmarks.flow [--quick] [--only NAME]… [--json PATH]: measure, print the table, judge."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from benchmarks.flow import keeping, kills, matching, notifying
from benchmarks.terminal.report import Figure, as_json, table
from tests.support.stack import Stack

Experiment = Callable[[Stack, bool], Awaitable[list[Figure]]]


async def _matching(_: Stack, quick: bool) -> list[Figure]:  # noqa: FBT001 - as it comes from the command line
    return list(matching.measure(events=2_000 if quick else 20_000))


EXPERIMENTS: dict[str, Experiment] = {
    "matching": _matching,
    "latency": lambda stack, quick: notifying.latency(stack, samples=200 if quick else 1_000),
    "sustained": lambda stack, quick: notifying.sustained(stack, seconds=5 if quick else 60),
    "memory": lambda stack, quick: keeping.measure(stack, runs=4_000 if quick else keeping.RUNS),
    "kills": lambda stack, quick: kills.measure(stack, times=3 if quick else 20),
}


def main() -> int:
    """Run what was asked for; 1 when a budget is missed."""
    parser = argparse.ArgumentParser(prog="benchmarks.flow", description=__doc__)
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
        async with Stack(folder / name, variables=notifying.ALLOW) as stack:
            await stack.settled()
            for figure in await EXPERIMENTS[name](stack, quick):
                print(f"… {figure.name}: {figure.value:.3g} {figure.unit}", file=sys.stderr)
                figures.append(figure)
    return figures


if __name__ == "__main__":
    sys.exit(main())
