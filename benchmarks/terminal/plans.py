"""Two hundred plans of five hundred headings each, listed again and again: what looking at them costs."""

from __future__ import annotations

import http.client
import statistics
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

from benchmarks import budgets
from benchmarks.terminal.report import Figure
from benchmarks.terminal.systems import Ours

PLANS, TOP, BELOW = 200, 50, 9
WARM = 5


def measure(ours: Ours, *, samples: int) -> Iterator[Figure]:
    """Whole answers through the gateway, over one connection."""
    folder = ours.stack.data / "plans"
    folder.mkdir(exist_ok=True)
    below = "".join(f"** TODO [#B] Step {number}\nWhy: because\n" for number in range(BELOW))
    for number in range(PLANS):
        headings = "".join(f"* WIP [#A] Part {top}\nEffort: 2h\n{below}" for top in range(TOP))
        (folder / f"{number:03d}.org").write_text(f"#+TITLE: Plan {number}\n{headings}")
    connection = http.client.HTTPConnection(urlsplit(ours.stack.url).netloc)
    waits = [_listed(connection) for _ in range(WARM + samples)][WARM:]
    connection.close()
    yield Figure("200 plans of 500 headings, p50", statistics.median(waits) * 1_000, "ms", None, budgets.PLANS_P50)


def _listed(connection: http.client.HTTPConnection) -> float:
    begun = time.perf_counter()
    connection.request("GET", "/api/plans")
    answer = connection.getresponse().read()
    waited = time.perf_counter() - begun
    assert answer.count(b'"filename"') == PLANS
    return waited
