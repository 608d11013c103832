"""What the benchmarks of terminals have in common: their command line, a stack for each experiment, the verdict."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from benchmarks.terminal.report import Figure, as_json, table
from benchmarks.terminal.systems import Ours
from tests.support.stack import Stack

Experiment = Callable[[Ours, Path, bool], Iterator[Figure]]
"""Of a stack, a folder of its own, and whether the run is to be small."""


def run(experiments: Mapping[str, Experiment], *, program: str, about: str | None) -> int:
    """Run what was asked for on the command line and print the table; 1 when a budget is missed."""
    parser = argparse.ArgumentParser(prog=program, description=about)
    parser.add_argument("--quick", action="store_true", help="small runs")
    parser.add_argument("--only", action="append", choices=experiments, metavar="NAME", help=" ".join(experiments))
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    wanted = {name: experiments[name] for name in options.only or experiments}
    with tempfile.TemporaryDirectory() as folder:
        figures = asyncio.run(_run(Path(folder), wanted, options.quick))
    print(table(figures))
    if options.json:
        options.json.write_text(json.dumps(as_json(figures), indent=2))
    return 0 if all(figure.holds for figure in figures) else 1


async def _run(folder: Path, experiments: Mapping[str, Experiment], quick: bool) -> list[Figure]:  # noqa: FBT001 - as it comes from the command line
    figures: list[Figure] = []
    for name, experiment in experiments.items():
        async with Stack(folder / name) as stack:
            await stack.settled()
            figures += await asyncio.to_thread(_figures, experiment, Ours(stack), folder, quick)
    return figures


def _figures(experiment: Experiment, ours: Ours, folder: Path, quick: bool) -> list[Figure]:  # noqa: FBT001
    figures = []
    for figure in experiment(ours, folder, quick):
        print(f"… {figure.name}: {figure.value:.3g} {figure.unit}", file=sys.stderr)
        figures.append(figure)
    return figures
