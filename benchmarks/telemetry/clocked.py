"""telemetry-service with a clock in its loop: `python -m benchmarks.telemetry.clocked FILE`.

Asked from outside, a loop's lag would be that of the clients' own loop as well. FILE is written at the end.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Coroutine
from pathlib import Path

import msgspec

from gestalt_telemetry import __main__ as service
from gestalt_telemetry.app import Telemetry

EVERY_SECONDS = 0.002


class Turn(msgspec.Struct, array_like=True):
    """A wake-up of the clock: when (monotonic seconds), how late, and what the loop computed since the last one.

    The latter, CPU seconds, does not depend on what else runs on the machine.
    """

    moment: float
    late: float
    busy: float


async def _watch(turns: list[Turn]) -> None:
    while True:
        until, used = time.monotonic() + EVERY_SECONDS, time.thread_time()
        await asyncio.sleep(EVERY_SECONDS)
        now = time.monotonic()
        turns.append(Turn(now, now - until, time.thread_time() - used))


TURNS: list[Turn] = []


class Clocked(Telemetry):
    """The service, and beside its own loops the clock."""

    def _care(self) -> tuple[Coroutine[None, None, None], ...]:
        return (*super()._care(), _watch(TURNS))


def read(file: Path, begun: float, ended: float) -> list[Turn]:
    """The turns between two moments."""
    return [turn for turn in msgspec.json.decode(file.read_bytes(), type=list[Turn]) if begun <= turn.moment <= ended]


if __name__ == "__main__":
    service.Telemetry = Clocked  # type: ignore[misc]
    service.main()
    Path(sys.argv[1]).write_bytes(msgspec.json.encode(TURNS))
