"""One control-mode client: commands in the order they were given, each with its answer, without a process for each."""

from __future__ import annotations

import asyncio
import socket
import subprocess
from collections import deque
from contextlib import suppress

import structlog

from gestalt_session.terminal.tmux.commands import Tmux, TmuxFailed, TmuxUnavailable, environment

RETRY_SECONDS = 0.2
READY_SECONDS = 5.0
REAP_SECONDS = 0.2
LONGEST_LINE = 1024 * 1024
_OURS = b"1"  # the flags of a guard line: this client asked; 0 stands on what hooks and tmux itself run
_ENDS = {b"%end", b"%error"}

log = structlog.get_logger()


class Control:
    """Commands for a running tmux server. `serve_forever` keeps the connection while one is wanted."""

    def __init__(self, tmux: Tmux) -> None:
        self._tmux = tmux
        self._wanted = asyncio.Event()
        self._ready = asyncio.Event()
        self._group = ""
        self._pending: deque[asyncio.Future[None]] = deque()
        self._commands: asyncio.WriteTransport | None = None

    def want(self, group: str) -> None:
        """There is a tmux session (`$1`) to attach to from now on."""
        self._group = group
        self._wanted.set()

    @property
    def connected(self) -> bool:
        """Whether commands are taken now."""
        return self._commands is not None

    async def ready(self) -> None:
        """Wait until commands are taken. Raises TmuxFailed when that takes too long."""
        try:
            async with asyncio.timeout(READY_SECONDS):
                await self._ready.wait()
        except TimeoutError:
            raise TmuxFailed("tmux takes no commands") from None

    def send(self, command: str) -> asyncio.Future[None]:
        """Give one command line; done when tmux has carried it out, TmuxFailed when it did not (or hung up)."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._commands is None:
            future.set_exception(TmuxFailed("tmux is not connected"))
            future.exception()  # who does not care need not look
            return future
        self._pending.append(future)
        self._commands.write(command.encode("ascii") + b"\n")
        return future

    async def serve_forever(self) -> None:
        """Connect whenever a connection is wanted; one that breaks is made anew while the server lives."""
        while True:
            await self._wanted.wait()
            try:
                await self._serve()
            except Exception:
                log.exception("the connection to tmux broke")
            self._wanted.clear()  # before we ask: a new server may be wanted while the old one's end is noticed
            if await self._lives():
                self._wanted.set()
            await asyncio.sleep(RETRY_SECONDS)

    async def _lives(self) -> bool:
        try:
            await self._tmux.run("has-session", "-t", self._group)
        except (OSError, TmuxFailed, TmuxUnavailable):
            return False
        return True

    async def _serve(self) -> None:
        ours, theirs = socket.socketpair()  # not pipes: uvloop closes a pipe's descriptor twice, perhaps another's
        with theirs:
            process = self._start(theirs)
        try:
            await self._read(ours)
        finally:
            self._hang_up()
            process.kill()
            with suppress(subprocess.TimeoutExpired):
                process.wait(REAP_SECONDS)  # here: it is dead, and a wait in a thread would be left by a cancellation

    def _start(self, end: socket.socket) -> subprocess.Popen[bytes]:
        """Here, as asyncio starts its own: a cancelled wait for a thread would lose the process."""
        return subprocess.Popen(
            [*self._tmux.client(), "-C", "attach-session", "-t", self._group, "-f", "no-output,ignore-size"],
            env=environment(),
            cwd=self._tmux.slot,
            stdin=end.fileno(),
            stdout=end.fileno(),
            stderr=subprocess.DEVNULL,
        )

    async def _read(self, end: socket.socket) -> None:
        try:
            answers, commands = await asyncio.open_connection(sock=end, limit=LONGEST_LINE)
        except BaseException:
            end.close()
            raise
        try:
            while line := await answers.readline():
                self._heard(line.split(), commands.transport)
        finally:
            commands.transport.abort()

    def _heard(self, words: list[bytes], writing: asyncio.WriteTransport) -> None:
        if words[:1] == [b"%session-changed"]:  # the attaching itself is done
            self._commands = writing
            self._ready.set()
        elif words and words[0] in _ENDS and words[-1] == _OURS:
            self._answered(failed=words[0] == b"%error")

    def _answered(self, *, failed: bool) -> None:
        future = self._pending.popleft()
        if future.done():
            return
        if failed:
            future.set_exception(TmuxFailed("tmux refused a command"))
            future.exception()
        else:
            future.set_result(None)

    def _hang_up(self) -> None:
        self._commands = None
        self._ready.clear()
        while self._pending:
            self._answered(failed=True)
