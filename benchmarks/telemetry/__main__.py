"""python -m benchmarks.telemetry [--quick] [--only NAME]… [--json PATH]: measure, print the table, judge."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from benchmarks.telemetry import finding, ingest, live
from benchmarks.terminal.report import Figure, as_json, table

Experiment = Callable[[Path, bool], AsyncIterator[Figure]]

EXPERIMENTS: dict[str, Experiment] = {
    "ingest": lambda folder, quick: ingest.measure(folder, seconds=5 if quick else 30),
    "retention": lambda folder, quick: ingest.retention(folder, batches=400 if quick else 2_000),
    "live": lambda folder, quick: live.delay(folder, records=100 if quick else 500),
    "disconnects": lambda folder, quick: live.disconnects(folder, times=100 if quick else 1_000),
    "finding": lambda folder, quick: finding.measure(
        folder, records=400_000 if quick else 5_000_000, times=30 if quick else 100
    ),
}


def main() -> int:
    """Run what was asked for; 1 when a budget is missed."""
    parser = argparse.ArgumentParser(prog="benchmarks.telemetry", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small runs")
    parser.add_argument("--only", action="append", choices=EXPERIMENTS, metavar="NAME", help=" ".join(EXPERIMENTS))
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    figures = asyncio.run(_run(options.only or list(EXPERIMENTS), options.quick))
    print(table(figures))
    if options.json:
        options.json.write_text(json.dumps(as_json(figures), indent=2))
    return 0 if all(figure.holds for figure in figures) else 1


async def _run(names: list[str], quick: bool) -> list[Figure]:  # noqa: FBT001 - as it comes from the command line
    figures: list[Figure] = []
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            async for figure in EXPERIMENTS[name](Path(folder), quick):
                print(f"… {figure.name}: {figure.value:.3g} {figure.unit}", file=sys.stderr)
                figures.append(figure)
    return figures


if __name__ == "__main__":
    sys.exit(main())
