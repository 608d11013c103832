"""A session with 64 MiB of history: how long until a viewer has its screen, and how much that is."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from benchmarks import budgets
from benchmarks.screen.waiting import caught_up, cpu_of_screens
from benchmarks.terminal.report import Figure
from benchmarks.terminal.systems import Ours

HISTORY = 64 * 1024 * 1024
IDLE_SECONDS = 10.0
SOURCES = Path(__file__).parents[2] / "tests"
"""Files shown one after the other, each below a coloured prompt: what typical scrollback looks like."""
PROMPT = "\x1b[1;32mme@here\x1b[m:\x1b[1;34m~/work\x1b[m$ cat %s\r\n"


def measure(ours: Ours, folder: Path, *, times: int) -> Iterator[Figure]:
    """Time and bytes of the redraw, then what the screen process does while nothing is written."""
    history = folder / "history.txt"
    _write(history)
    with ours.session(["sh", "-c", f"stty raw -echo; cat {history}; exec sleep 600"]) as uid:
        caught_up(ours, uid, HISTORY)
        attached = [_attach(ours, uid) for _ in range(times)]
        before = cpu_of_screens(ours)
        time.sleep(IDLE_SECONDS)  # noqa: TID251 - the experiment is to do nothing for a while
        idle = cpu_of_screens(ours) - before
    waits, sizes = [wait * 1e3 for wait, _ in attached], [size for _, size in attached]
    yield Figure("screen of 64 MiB of history, p50", statistics.median(waits), "ms")
    yield Figure("screen of 64 MiB of history, longest", max(waits), "ms", None, budgets.SNAPSHOT_P99)
    yield Figure("its redraw", statistics.median(sizes) / 1e3, "kB", None, budgets.SNAPSHOT_BYTES)
    yield Figure("CPU of the screen process in 10 idle seconds", idle * 1e3, "ms", None, budgets.SCREEN_IDLE)


def _write(history: Path) -> None:
    shown = [PROMPT % path.name + path.read_text().replace("\n", "\r\n") for path in sorted(SOURCES.rglob("*.py"))]
    text = "".join(shown).encode()
    with history.open("wb") as file:
        for _ in range(HISTORY // len(text) + 1):
            file.write(text)


def _attach(ours: Ours, uid: str) -> tuple[float, int]:
    """Seconds from dialling to the whole redraw, and its bytes."""
    begun = time.perf_counter()
    with closing(ours.connect(uid, "snapshot=1")) as client:
        size = sum(len(piece) for piece in client.receive())
        while client.inside:
            size += sum(len(piece) for piece in client.receive())
        return time.perf_counter() - begun, size
