"""python -m benchmarks.terminal [--quick] [--only NAME]… [--json PATH]: measure, print the table, judge."""

from __future__ import annotations

import sys

from benchmarks.terminal import faults, flood, idle, latency, plans
from benchmarks.terminal.experiments import Experiment, run
from tests.support import programs

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


if __name__ == "__main__":
    sys.exit(run(EXPERIMENTS, program="benchmarks.terminal", about=__doc__))
