"""The pty hosts of a slot: found, started, pinged, replaced."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import signal
import sys
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path

import structlog

import gestalt_ptyhost
from gestalt_ptyhost.listening import lives
from gestalt_session.terminal.host_listener import HostListener
from gestalt_session.terminal.pty_host import PtyHost, connect

START_SECONDS = 10.0
PING_EVERY = 5.0  # a hung host makes every terminal stand still: ten seconds are noticed, and cost nothing when idle
PING_SECONDS = 5.0  # a busy host answers between two turns; this long without an answer is hung
MOST_HOSTS = 64
START_TRIES = 5
USER_BUS = ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")
"""What `systemd-run --user` finds its manager by; the host itself gets no environment."""
HUNG_SECONDS = 10.0  # how long a host that lives may be silent at a worker's start
RETRY_SECONDS = 0.1

log = structlog.get_logger()


class HostFailed(Exception):
    """No pty host can be started."""


class Hosts:
    """The hosts whose sockets lie in `folder`. New sessions go to the one with the fewest, of today's release."""

    def __init__(self, folder: Path, listener: HostListener, *, count: int, open_files: int | None = None) -> None:
        self._folder = folder
        self._listener = listener
        self._count = count
        self._open_files = open_files
        self._hosts: list[PtyHost] = []
        self._starting = asyncio.Lock()

    @property
    def all(self) -> list[PtyHost]:
        """The connected hosts."""
        return list(self._hosts)

    async def find(self) -> list[PtyHost]:
        """Connect to every host that still answers; sockets of dead ones are removed. Retires older releases."""
        for path in sorted(self._folder.glob("host-*.sock")):
            host = await self._reach(path)
            if host is not None:
                self._hosts.append(host)
        return self.all

    async def _reach(self, path: Path) -> PtyHost | None:
        """Connect to a host that lives; one that hangs is given HUNG_SECONDS, then killed: it serves nobody."""
        try:
            async with asyncio.timeout(HUNG_SECONDS):
                while lives(str(path)):
                    with suppress(OSError, TimeoutError):
                        return await connect(path)
                    await asyncio.sleep(RETRY_SECONDS)
        except TimeoutError:
            log.error("a pty host does not answer and is killed", socket=path.name)  # noqa: TRY400 - no traceback helps
            await asyncio.to_thread(kill_holder, path)
        await asyncio.to_thread(path.unlink, missing_ok=True)
        return None

    def start_reading(self) -> None:
        """Let the found hosts speak; their sessions are known by now."""
        for host in self._hosts:
            host.start(self._listener)
            if host.version != gestalt_ptyhost.__version__:
                host.retire()

    async def for_new(self, load: dict[PtyHost, int]) -> PtyHost:
        """The host for one more session; `load` counts those of each. Raises HostFailed."""
        async with self._starting:
            usable = [host for host in self._hosts if not host.retiring and not host.gone]
            if len(usable) < self._count:
                return await self._start()
        return min(usable, key=lambda host: load.get(host, 0))

    async def replace(self, dead: PtyHost) -> PtyHost:
        """A new host in place of one that died. Raises HostFailed."""
        async with self._starting:
            await self._make_sure(dead)
            self.drop(dead)
            return await self._start()

    async def _make_sure(self, dead: PtyHost) -> None:
        """A connection may end although its host lives: it is killed first, so that there are never two readers."""
        while lives(str(dead.path)):
            with suppress(ProcessLookupError):
                os.kill(dead.pid, signal.SIGKILL)
            await asyncio.sleep(RETRY_SECONDS)
        await asyncio.to_thread(dead.path.unlink, missing_ok=True)

    def drop(self, host: PtyHost) -> None:
        """Forget a host that has gone."""
        with suppress(ValueError):
            self._hosts.remove(host)

    async def ping_forever(self) -> None:
        """Kill a host that is there but does not answer: only then may its terminals be handed to another."""
        while True:
            await asyncio.sleep(PING_EVERY)
            for host in self.all:
                if not host.gone and not await host.answers(PING_SECONDS) and not host.gone:
                    log.error("the pty host hangs and is killed", pid=host.pid)
                    with suppress(ProcessLookupError, PermissionError):
                        os.kill(host.pid, signal.SIGKILL)

    def close(self) -> None:
        """Leave all hosts; one that holds no live program ends by itself."""
        for host in self._hosts:
            host.close()
        self._hosts.clear()

    async def _start(self) -> PtyHost:
        for attempt in range(1, START_TRIES + 1):
            path = self._free_path()
            try:
                await start_host(path, open_files=self._open_files, scoped=attempt == 1)
                host = await connect(path)
            except (OSError, TimeoutError, HostFailed) as error:
                log.warning("a pty host could not be started", attempt=attempt, error=str(error))
                continue
            host.start(self._listener)
            self._hosts.append(host)
            return host
        raise HostFailed("no pty host could be started")

    def _free_path(self) -> Path:
        for number in range(MOST_HOSTS):
            path = self._folder / f"host-{number}.sock"
            if not path.exists():
                return path
        raise HostFailed(f"{MOST_HOSTS} host sockets lie in {self._folder}")


def kill_holder(path: Path) -> None:
    """Kill the host of a socket, known by its words: the peer's credentials name who called listen, long ended."""
    words = b"\0".join((b"gestalt_ptyhost", b"--socket", os.fsencode(path))) + b"\0"
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (process / "cmdline").read_bytes().endswith(words):
                os.kill(int(process.name), signal.SIGKILL)


async def start_host(path: Path, *, open_files: int | None = None, scoped: bool = True) -> None:
    """Run a host that listens at `path`. It leaves our process tree, and takes neither our environment nor our lock.

    `open_files`: the soft limit that programs are to start with; ours was raised for our own sake.
    """
    scope = scope_prefix(os.environ) if scoped else []
    with (path.parent / "host.log").open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            *scope,
            sys.executable,
            *("-I", "-m", "gestalt_ptyhost", "--socket", str(path)),
            env={name: os.environ[name] for name in USER_BUS if name in os.environ} if scope else {},
            preexec_fn=None if open_files is None else partial(_limit_open_files, open_files),
            cwd=path.parent,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,
        )
        async with asyncio.timeout(START_SECONDS):
            status = await process.wait()
    if status != 0:
        raise HostFailed(f"the pty host ended with status {status}; see {path.parent / 'host.log'}")


def scope_prefix(environ: Iterable[str]) -> list[str]:
    """Under systemd a host needs its own scope: stopping a unit kills its cgroup, which setsid does not leave."""
    runner = shutil.which("systemd-run") if "INVOCATION_ID" in environ else None
    if runner is None:
        return []
    own = [] if os.geteuid() == 0 else ["--user"]
    return [runner, *own, "--scope", "--quiet", "--collect", "--", "/usr/bin/env", "-i"]


def _limit_open_files(soft: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, hard), hard))
