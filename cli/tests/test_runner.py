from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gestalt_cli.stack.process import Recipe
from gestalt_cli.stack.runner import Runner
from gestalt_cli.supervision.supervisor import Supervisor
from gestalt_cli.supervision.words import AllReady, Back, GaveUp, Kind, Lost, Notice, Unit

Eventually = Callable[..., Awaitable[Any]]
Children = Callable[[], list[int]]
SERVES = "import os, sys, time; print('ready', os.getpid(), flush=True); time.sleep(60)"
FAILS = "import sys; sys.exit(3)"
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SERVES}"

KIND = Kind(name="plain", start_stage=0, stop_stage=0, patience=20, grace=0.3)
PROBED = Kind(name="probed", start_stage=0, stop_stage=0, patience=20, grace=0.3)


class Cookbook:
    """Programs by unit name. What is probed is asked by `serves`."""

    def __init__(self, log: int, programs: dict[str, str]) -> None:
        self.log, self.programs, self.serves = log, programs, asyncio.Event()

    def unit(self, unit: Unit) -> Recipe:
        return Recipe([sys.executable, "-c", self.programs[unit.name]], {}, self.log)

    def probe(self, unit: Unit) -> Awaitable[str] | None:
        return self._probe() if unit.kind is PROBED else None

    async def _probe(self) -> str:
        await self.serves.wait()
        return "unix://"


@pytest.fixture
def log(tmp_path: Path) -> Iterator[int]:
    with (tmp_path / "log").open("wb") as file:
        yield file.fileno()


@pytest.fixture
def children() -> Children:
    """Our children, without those that other tests of this process have left running."""

    def now() -> set[int]:
        pids = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text(encoding="ascii").split()
        return {int(pid) for pid in pids}

    before = now()
    return lambda: sorted(now() - before)


async def test_what_dies_is_replaced_at_once(log: int, eventually: Eventually, children: Children) -> None:
    told: list[Notice] = []
    unit = Unit("one", KIND)
    runner = Runner(Supervisor([unit]), Cookbook(log, {"one": SERVES}), told.append)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(runner.run())
        await eventually(lambda: AllReady() in told)
        os.kill(children()[0], signal.SIGKILL)
        await eventually(lambda: Back(unit) in told)
        runner.stop()
    assert told == [AllReady(), Lost(unit, -signal.SIGKILL, 0.1), Back(unit)]
    assert children() == []


async def test_what_cannot_start_is_told_once_it_is_hopeless(log: int) -> None:
    told: list[Notice] = []
    unit = Unit("one", KIND)
    supervisor = Supervisor([unit])
    await Runner(supervisor, Cookbook(log, {"one": FAILS}), told.append).run()
    assert told[-1] == GaveUp(unit, 3)
    assert supervisor.failed


async def test_a_unit_without_a_ready_line_is_ready_when_its_probe_says_so(
    log: int, eventually: Eventually, children: Children
) -> None:
    told: list[Notice] = []
    cookbook = Cookbook(log, {"one": "import time; time.sleep(60)"})
    runner = Runner(Supervisor([Unit("one", PROBED)]), cookbook, told.append)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(runner.run())
        await eventually(lambda: len(children()) == 1)
        assert told == []
        cookbook.serves.set()
        await eventually(lambda: told == [AllReady()])
        runner.stop()


async def test_a_probe_ends_with_its_process(log: int) -> None:
    told: list[Notice] = []
    unit = Unit("one", PROBED)
    await Runner(Supervisor([unit]), Cookbook(log, {"one": FAILS}), told.append).run()
    assert told[-1] == GaveUp(unit, 3)


async def test_what_ignores_sigterm_is_gone_after_its_grace(
    log: int, eventually: Eventually, children: Children
) -> None:
    told: list[Notice] = []
    runner = Runner(Supervisor([Unit("one", KIND)]), Cookbook(log, {"one": DEAF}), told.append)
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        tasks.create_task(runner.run())
        await eventually(lambda: AllReady() in told)
        runner.stop()
    assert children() == []


async def test_cancelling_the_run_leaves_no_process(log: int, eventually: Eventually, children: Children) -> None:
    told: list[Notice] = []
    runner = Runner(Supervisor([Unit("one", KIND)]), Cookbook(log, {"one": DEAF}), told.append)
    task = asyncio.create_task(runner.run())
    (pid,) = await eventually(children)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await eventually(lambda: pid not in children())
