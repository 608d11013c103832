"""The real system on a workspace of its own: `gestalt up` as a user starts it, and every process of it within reach.

    async with Stack(tmp_path, workers=2) as stack, stack.api() as api:
        session = await api.create(programs.echo())
        kill(await api.worker_pid(session["uid"]))

Leaving kills whatever is left of it, programs in terminals included, and fails if something survives that.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Self
from urllib.parse import quote

from tests.support import processes
from tests.support.client import Api
from tests.support.eventually import eventually

START_SECONDS = 30.0
STOP_SECONDS = 15.0
PROVEN_SECONDS = 2.0
"""After one second of readiness a process is restarted without delay; it listens a while before it is ready."""
MARK = "STACK_UNDER_TEST"
"""A variable that marks every process of one stack; not one of ours, so programs in terminals have it too."""
URL_LINE = re.compile(r"^ +url +(http://\S+)", re.MULTILINE)
GATEWAY, SESSION, PTY_HOST = "gestalt_gateway", "gestalt_session", "gestalt_ptyhost"
SCREEN = "gestalt_session.screen"
FLOW, ZYGOTE = "gestalt_flow", "gestalt_zygote"


class Stack:
    """A running `gestalt up`. `folder` is the test's own; the workspace and what `up` prints lie in it.

    `variables` are set for `up`; every other variable of Gestalt or Redis in the environment is removed first.
    """

    def __init__(
        self,
        folder: Path,
        *,
        workers: int = 1,
        token: str = "",
        flags: Sequence[str] = (),
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.workspace = folder / "workspace"
        self.workspace.mkdir(parents=True, exist_ok=True)
        self.data = self.workspace / ".gestalt"
        self.workers, self.token = workers, token
        self.out, self.err = folder / "up.out", folder / "up.err"
        self.url = ""
        self._flags, self._variables = list(flags), dict(variables or {})
        self._mark = secrets.token_hex(8)
        self.internal = secrets.token_urlsafe(32)
        """What its services demand of one another; given, so that more can stand beside them."""
        self._process: subprocess.Popen[bytes] | None = None

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.clear()
            raise
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.clear()

    # -- up itself

    async def start(self) -> None:
        """Start `gestalt up` and wait until it is ready; after the first time on the same port."""
        self.launch()
        await eventually(self._greeted, START_SECONDS, what="gestalt up is ready")
        self.url = URL_LINE.findall(self.printed())[-1]

    def launch(self) -> subprocess.Popen[bytes]:
        """Start `gestalt up` without waiting for anything."""
        port = self.url.rpartition(":")[2] or "0"
        argv = [sys.executable, "-m", "gestalt_cli", "up", "--port", port, "--workers", str(self.workers)]
        with self.out.open("wb") as out, self.err.open("wb") as err:
            self._process = subprocess.Popen(
                [*argv, *self._flags], cwd=self.workspace, env=self.environment(), stdout=out, stderr=err
            )
        return self._process

    def environment(self) -> dict[str, str]:
        """What `up` is started with: ours, without what belongs to another Gestalt."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("GESTALT_", "REDIS_"))}
        token = {"GESTALT_TOKEN": self.token} if self.token else {}
        passed = {"GESTALT_PASS_ENV": "*"}  # in a container, too, programs are to have the mark
        internal = {"GESTALT_INTERNAL_TOKEN": self.internal}
        return {**clean, **token, **internal, **passed, **self._variables, MARK: self._mark}

    async def stop(self, number: int = signal.SIGTERM) -> int:
        """Send `up` a signal and wait for its end; the exit code."""
        processes.kill(self.pid, number)
        return await self.ended()

    async def ended(self) -> int:
        """Wait for the end of `up`; its exit code."""
        process = self._running()
        await eventually(lambda: process.poll() is not None, STOP_SECONDS, what="gestalt up has ended")
        return process.returncode

    async def kill_up(self) -> None:
        """SIGKILL `up` alone."""
        await self.stop(signal.SIGKILL)

    @property
    def pid(self) -> int:
        """The process id of `up`."""
        return self._running().pid

    def printed(self) -> str:
        """What `up` wrote to stdout."""
        return self.out.read_text()

    def complained(self) -> str:
        """What `up` wrote to stderr."""
        return self.err.read_text()

    def api(self) -> Api:
        """A client of its gateway."""
        return Api(self.url, self.token)

    def _greeted(self) -> bool:
        code = self._running().poll()
        if code is not None:
            raise RuntimeError(f"gestalt up ended with {code}: {self.complained()}{self.logs()}")
        return bool(URL_LINE.search(self.printed()))

    def logs(self) -> str:
        """The ends of the services' logs, for a failure's message."""
        return "".join(f"\n{path.name}: {path.read_text()[-2000:]}" for path in self.data.glob("logs/*.log"))

    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "gestalt up was not started"
        return self._process

    # -- its processes, as /proc shows them

    def gateway_pids(self) -> list[int]:
        """Gateways, oldest first."""
        return self.services(GATEWAY)

    def worker_pids(self) -> list[int]:
        """Session workers that serve, oldest first."""
        return [pid for pid in self.services(SESSION) if processes.listens(pid)]

    def flow_pids(self) -> list[int]:
        """Flow services that serve."""
        return [pid for pid in self.services(FLOW) if processes.listens(pid)]

    def zygote_pids(self) -> list[int]:
        """What services are forked from."""
        return self.services(ZYGOTE)

    def screen_pids(self) -> list[int]:
        """What knows the screens, one for each worker."""
        return self.services(SCREEN)

    def redis_pid(self) -> int:
        """The Redis that `up` started."""
        return next(pid for pid in processes.children(self.pid) if "-server" in "".join(processes.argv(pid)[:1]))

    def host_pids(self) -> list[int]:
        """Pty hosts of this workspace, which are nobody's children."""
        return [pid for pid in processes.all_pids() if self._is_host(processes.argv(pid)) and processes.alive(pid)]

    def tmux_pids(self) -> list[int]:
        """Tmux servers of this workspace: each was started for a window whose session's folder lies in it."""
        return [pid for pid in processes.all_pids() if self._is_tmux(processes.argv(pid)) and processes.alive(pid)]

    def program_pids(self) -> list[int]:
        """Programs in terminals: marked as ours, and not below `up`."""
        services = {self.pid, *processes.descendants(self.pid)}
        return [pid for pid in self._marked() if pid not in services]

    def service_pids(self) -> list[int]:
        """Everything that must end with `up`."""
        return processes.descendants(self.pid)

    async def settled(self, *, proven: bool = False) -> None:
        """Wait until all that should serve does: the moment to kill something.

        `proven`: and has done so for as long as it takes to be restarted without a growing delay.
        """
        seen = await eventually(self._complete, START_SECONDS, what="all services are there")
        loop = asyncio.get_running_loop()
        since = loop.time()
        while proven and loop.time() - since < PROVEN_SECONDS:
            await asyncio.sleep(PROVEN_SECONDS / 10)
            now = await eventually(self._complete, START_SECONDS, what="all services stay there")
            seen, since = now, since if now == seen else loop.time()

    def _complete(self) -> list[int]:
        """The services, if all are there."""
        gateways, workers, zygotes = self.gateway_pids(), self.worker_pids(), self.zygote_pids()
        whole = gateways and zygotes and len(workers) >= self.workers
        return [*gateways, *workers, *zygotes] if whole and all(map(processes.listens, gateways)) else []

    def redis_url(self) -> str:
        """The REDIS_URL its services have."""
        return self._variables.get("REDIS_URL", f"unix://{quote(str(self.data / 'redis' / 'redis.sock'))}")

    def services(self, module: str) -> list[int]:
        """Those of one kind, oldest first: forked from the zygote, or started as programs when there was none."""
        return [pid for pid in processes.descendants(self.pid) if module in processes.argv(pid)]

    def _is_host(self, argv: list[str]) -> bool:
        return PTY_HOST in argv and any(word.startswith(f"{self.data}/") for word in argv)

    def _is_tmux(self, argv: list[str]) -> bool:
        return "new-session" in argv and any(word.startswith(f"{self.data}/") for word in argv)

    def _marked(self) -> list[int]:
        return [pid for pid in processes.all_pids() if processes.environment(pid).get(MARK) == self._mark]

    # -- more than `up` starts

    @asynccontextmanager
    async def second_gateway(self) -> AsyncIterator[Api]:
        """One more gateway beside that of `up`, on a port of its own; a client of it."""
        ours = {"REDIS_URL": self.redis_url(), "GESTALT_WORKSPACE": str(self.workspace), "GESTALT_URL": self.url}
        variables = {**self.environment(), **ours, "GESTALT_DATA_DIR": str(self.data), "GESTALT_PORT": "0"}
        with self.out.with_name("second.err").open("wb") as err:
            process = self._start_gateway(variables, err)
        try:
            yield Api(await self._ready_line(process), self.token)
        finally:
            process.kill()
            process.communicate()

    def _start_gateway(self, variables: dict[str, str], err: IO[bytes]) -> subprocess.Popen[bytes]:
        argv = [sys.executable, "-P", "-m", GATEWAY]
        return subprocess.Popen(argv, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=err)

    async def _ready_line(self, process: subprocess.Popen[bytes]) -> str:
        assert process.stdout is not None
        os.set_blocking(process.stdout.fileno(), False)
        line: bytes = await eventually(process.stdout.readline, START_SECONDS, what="the second gateway is ready")
        return line.decode().removeprefix("ready ").strip()

    # -- the end

    async def clear(self) -> None:
        """Kill everything that is left. Raises AssertionError for what does not die."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        await eventually(self._killed_all, STOP_SECONDS, what="every process of the stack is gone")

    def _killed_all(self) -> bool:
        left = [*self.host_pids(), *self.tmux_pids(), *(pid for pid in self._marked() if processes.alive(pid))]
        processes.kill_all(left)
        return not left
