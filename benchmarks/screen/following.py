"""The same flood with screens and without: what following a terminal takes from it."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks import budgets
from benchmarks.screen.waiting import at_rest
from benchmarks.terminal.flood import Run, Text, by_turns, flooded
from benchmarks.terminal.report import Figure
from benchmarks.terminal.systems import Ours
from tests.support import programs
from tests.support.stack import Stack

SIZE = 100 * programs.MEGABYTE


def measure(ours: Ours, folder: Path, *, rounds: int) -> Iterator[Figure]:
    """Rates by turns; between them the screens catch up, so that no round pays for the one before."""
    text = Text(folder, SIZE)
    blind = Stack(folder / "blind", variables={"GESTALT_SCREENS": "0"})
    asyncio.run(_begin(blind))
    try:
        with_screens, without = by_turns(rounds, partial(_rested, ours, text), partial(flooded, Ours(blind), text, 1))
    finally:
        asyncio.run(blind.clear())
    rate, alone = (statistics.median(run.rate for run in runs) for runs in (with_screens, without))
    yield Figure("flood whose screen is followed", rate, "MB/s", alone, budgets.SCREEN_FLOOD)


async def _begin(stack: Stack) -> None:
    await stack.start()
    await stack.settled()


def _rested(ours: Ours, text: Text) -> Run:
    at_rest(ours)
    run = flooded(ours, text, 1)
    at_rest(ours)
    return run
