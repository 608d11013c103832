"""python -m benchmarks.screen [--quick] [--only NAME]… [--json PATH]: measure, print the table, judge."""

from __future__ import annotations

import sys

from benchmarks.screen import asking, attaching, following, holding
from benchmarks.terminal.experiments import Experiment, run

EXPERIMENTS: dict[str, Experiment] = {
    "attaching": lambda ours, folder, quick: attaching.measure(ours, folder, times=10 if quick else 100),
    "following": lambda ours, folder, quick: following.measure(ours, folder, rounds=2 if quick else 6),
    "holding": lambda ours, _, quick: holding.measure(ours, sessions=8 if quick else 64),
    "asking": lambda ours, folder, quick: asking.measure(ours, folder, questions=200 if quick else 1_000),
}


if __name__ == "__main__":
    sys.exit(run(EXPERIMENTS, program="benchmarks.screen", about=__doc__))
