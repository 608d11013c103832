"""`gestalt up` from its first moment to its last: take hold of things, run the services, tell the user."""

from __future__ import annotations

import asyncio
import shlex
import signal
import sys
from contextlib import AsyncExitStack
from importlib.metadata import version
from pathlib import Path

from gestalt_cli.api import reason
from gestalt_cli.stack import public_api, terminal
from gestalt_cli.stack.ground import Ground, take
from gestalt_cli.stack.options import Options
from gestalt_cli.stack.runner import Runner
from gestalt_cli.supervision.supervisor import Supervisor
from gestalt_cli.supervision.words import AllReady, GaveUp, Notice

READY_SECONDS = 10.0
"""The services serve already; this is for them to find one another."""
LOOK_SECONDS = 0.25
"""How often logs are looked at: soon enough for a person."""


async def up(options: Options) -> int:
    """Run until a stop signal; the exit code. Raises CommandFailed, in one line, when it cannot begin."""
    run = Run(options)
    task = asyncio.create_task(run.through())
    for number in stop_signals():
        asyncio.get_running_loop().add_signal_handler(number, run.interrupt, task)
    try:
        return await task
    except asyncio.CancelledError:
        return 0  # interrupted before there was anything to stop


def how_to_call_us() -> str:
    """`gestalt` as it can be typed from any directory."""
    script = Path(sys.executable).with_name("gestalt")
    words = [str(script)] if script.exists() else [sys.executable, "-m", "gestalt_cli"]
    return shlex.join(words)


def stop_signals() -> list[signal.Signals]:
    """What ends us in order. A hang-up does not when we were started by nohup."""
    hang_up = [] if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else [signal.SIGHUP]
    return [signal.SIGINT, signal.SIGTERM, *hang_up]


class Run:
    """One run. `interrupt` is what a stop signal does: stop in order; the second time, at once."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._runner: Runner | None = None
        self._asked_to_stop = asyncio.Event()
        self._all_ready = asyncio.Event()

    def interrupt(self, task: asyncio.Task[int]) -> None:
        """Called in the loop at each stop signal."""
        if self._runner is None:
            task.cancel()
        elif self._asked_to_stop.is_set():
            self._runner.hurry()
        else:
            self._asked_to_stop.set()

    async def through(self) -> int:
        """Take hold, run, let go."""
        async with AsyncExitStack() as held:
            ground = await take(self._options, held)
            supervisor = Supervisor(ground.units)
            services = ground.services
            self._runner = Runner(supervisor, services, lambda notice: self._tell(ground, notice), services.zygote)
            async with asyncio.TaskGroup() as tasks:
                beside = [
                    tasks.create_task(self._greet(ground)),
                    tasks.create_task(self._show_logs(ground)),
                    tasks.create_task(self._stop_when_asked(ground, self._runner)),
                ]
                await self._runner.run()
                for task in beside:
                    task.cancel()
        return 1 if supervisor.failed else 0

    def _tell(self, ground: Ground, notice: Notice) -> None:
        """Lost and found, once all was ready; until then only that it came to nothing, in one line."""
        if isinstance(notice, AllReady):
            self._all_ready.set()
        elif self._all_ready.is_set() or isinstance(notice, GaveUp):
            log = ground.logs[notice.unit.kind.name]
            show(ground, notice.unit.kind.name, quiet=isinstance(notice, GaveUp))
            terminal.warn(terminal.told(notice, str(log.path), terminal.last_words(log.last_line)))

    async def _greet(self, ground: Ground) -> None:
        await self._all_ready.wait()
        missing = await public_api.unready(ground.server, within=READY_SECONDS)
        terminal.say(terminal.started(self._facts(ground)))
        if missing:
            terminal.warn(f"gestalt up: running, but not ready: {missing}")

    def _facts(self, ground: Ground) -> terminal.Running:
        return terminal.Running(
            version=version("gestalt-cli"),
            url=ground.server.url,
            workspace=str(self._options.workspace),
            redis=ground.redis.shown,
            workers=self._options.workers,
            draining=sum(unit.draining for unit in ground.units),
            logs=str(self._options.data / "logs"),
            token=bool(ground.server.token),
            command=how_to_call_us(),
        )

    async def _show_logs(self, ground: Ground) -> None:
        await self._all_ready.wait()
        while True:
            try:
                for name in ground.logs:
                    show(ground, name)
            except Exception as error:  # noqa: BLE001 - what goes wrong with a log must not end what is logged
                terminal.warn(f"gestalt up: logs: {reason(error)}")
            await asyncio.sleep(LOOK_SECONDS)

    async def _stop_when_asked(self, ground: Ground, runner: Runner) -> None:
        await self._asked_to_stop.wait()
        terminal.say("Stopping.")
        if self._options.kill_sessions:
            await end_sessions(ground)
        runner.stop()


async def end_sessions(ground: Ground) -> None:
    """End every session; whatever goes wrong there must not keep us from stopping."""
    try:
        wrong = await public_api.end_sessions(ground.server)
    except Exception as error:  # noqa: BLE001 - see above
        wrong = f"sessions could not be ended: {reason(error)}"
    if wrong:
        terminal.warn(f"gestalt up: {wrong}")


def show(ground: Ground, name: str, *, quiet: bool = False) -> None:
    """Read on in a service's log, and print what should not go unseen."""
    lines = ground.logs[name].new_lines()
    for line in [] if quiet else terminal.loud(name, lines):
        terminal.warn(line)
