"""Carries out what the supervisor asks for, and tells it what happens to the processes."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from typing import Protocol

from gestalt_cli.stack.forks import Zygote
from gestalt_cli.stack.process import Process, Recipe
from gestalt_cli.supervision.supervisor import Supervisor
from gestalt_cli.supervision.words import (
    Begin,
    Command,
    Event,
    Exited,
    Hurry,
    Notice,
    Ready,
    Signal,
    Start,
    Stop,
    Tick,
    Unit,
)

READY_LINE = b"ready "
NOT_STARTED = 127
"""The exit code of what could not even be started, as in a shell."""


class Cookbook(Protocol):
    """Says how each thing is started."""

    def unit(self, unit: Unit) -> Recipe:
        """A process that is to serve as `unit` as soon as it can."""
        ...

    def probe(self, unit: Unit) -> Awaitable[str] | None:
        """For a unit that prints no ready line: returns its address once it serves. None for all others."""
        ...


class Runner:
    """Runs a supervisor over real processes until all have ended. `tell` is called with each notice, in the loop.

    `zygote`: what processes with a `module` are forked from.
    """

    def __init__(
        self,
        supervisor: Supervisor,
        cookbook: Cookbook,
        tell: Callable[[Notice], None],
        zygote: Zygote | None = None,
    ) -> None:
        self._supervisor, self._cookbook, self._tell = supervisor, cookbook, tell
        self._zygote = zygote
        self._processes: dict[int, Process] = {}
        self._probes: dict[int, asyncio.Task[None]] = {}
        self._events: asyncio.Queue[Event] = asyncio.Queue()  # two a process and one a user's wish: it cannot grow
        self._clock = asyncio.get_running_loop().time

    def stop(self) -> None:
        """End everything in order; said again: at once."""
        self._events.put_nowait(Stop())

    def hurry(self) -> None:
        """End everything at once."""
        self._events.put_nowait(Hurry())

    async def run(self) -> None:
        """Begin, and return when everything has ended. Cancelled, it kills what runs: nothing is left either way."""
        try:
            async with asyncio.TaskGroup() as tasks:
                self._handle(Begin(), tasks)
                while not self._supervisor.finished:
                    self._handle(await self._next_event(), tasks)
        finally:
            for process in self._processes.values():
                process.signal(signal.SIGKILL)

    async def _next_event(self) -> Event:
        try:
            async with asyncio.timeout_at(self._supervisor.deadline):
                return await self._events.get()
        except TimeoutError:
            return Tick()

    def _handle(self, event: Event, tasks: asyncio.TaskGroup) -> None:
        for command in self._supervisor.handle(event, self._clock()):
            self._perform(command, tasks)

    def _perform(self, command: Command, tasks: asyncio.TaskGroup) -> None:
        match command:
            case Start(process=number, unit=unit):
                self._start(number, self._cookbook.unit(unit))
                self._probe(number, unit, tasks)
            case Signal(process=number, number=which):
                if number in self._processes:  # else its Exited waits in the queue: the supervisor will know soon
                    self._processes[number].signal(which)
            case _:
                self._tell(command)

    def _start(self, number: int, recipe: Recipe) -> None:
        try:
            self._processes[number] = Process(
                recipe,
                on_line=lambda line: self._said(number, line),
                on_exit=lambda code: self._ended(number, code),
                zygote=self._zygote,
            )
        except OSError:
            self._events.put_nowait(Exited(number, NOT_STARTED))

    def _said(self, number: int, line: bytes) -> None:
        if line.startswith(READY_LINE):
            self._events.put_nowait(Ready(number, line.removeprefix(READY_LINE).decode(errors="replace").strip()))

    def _ended(self, number: int, code: int) -> None:
        del self._processes[number]
        if number in self._probes:
            self._probes.pop(number).cancel()
        self._events.put_nowait(Exited(number, code))

    def _probe(self, number: int, unit: Unit, tasks: asyncio.TaskGroup) -> None:
        probe = self._cookbook.probe(unit)
        if probe is not None and number in self._processes:
            self._probes[number] = tasks.create_task(self._report(number, probe))

    async def _report(self, number: int, probe: Awaitable[str]) -> None:
        self._events.put_nowait(Ready(number, await probe))
