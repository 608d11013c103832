"""Memory of the screen process when it is full: as many terminals as it keeps, each with all its scrollback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

from benchmarks import budgets
from benchmarks.screen.waiting import caught_up
from benchmarks.terminal.cost import own_kb
from benchmarks.terminal.report import Figure
from benchmarks.terminal.systems import Ours

LINES = 2_000
WIDE = "i=0; while [ $i -lt %d ]; do i=$((i+1)); printf '%%0199d\\n' $i; done; exec sleep 600"
COLS, ROWS = 200, 50


def measure(ours: Ours, *, sessions: int) -> Iterator[Figure]:
    """Terminals of 200 x 50, each with a thousand lines behind it."""
    with ExitStack() as stack:
        for _ in range(sessions):
            uid = stack.enter_context(ours.session(["sh", "-c", WIDE % LINES], cols=COLS, rows=ROWS))
            caught_up(ours, uid, LINES * COLS)
        used = own_kb(ours.stack.screen_pids()) / 1e3
    yield Figure(f"screens of {sessions} long terminals, memory", used, "MB", None, budgets.SCREEN_MEMORY)
