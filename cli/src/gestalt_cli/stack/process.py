"""A started process: tied to us, told through its stdin, heard through its stdout, its end seen through a pidfd."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from gestalt_cli.stack import with_parent
from gestalt_cli.stack.forks import Zygote
from gestalt_cli.stack.zygote import Order

READ_BYTES = 65_536


class Recipe(Struct, frozen=True):
    """How a process is started. `log` takes its stderr; `fds` are file descriptors it inherits under their numbers.

    `module`: whose `main` is the same, when the zygote has imported it.
    """

    argv: Sequence[str]
    environment: dict[str, str]
    log: int
    fds: tuple[int, ...] = ()
    directory: Path | None = None
    module: str = ""


class Running(Protocol):
    """What is known of a process that was started."""

    pid: int
    pidfd: int

    def code(self) -> int:
        """Its exit code, negative for a signal; asked once, when it has ended."""
        ...


class Program:
    """One that was started as a program of its own."""

    def __init__(self, popen: subprocess.Popen[bytes]) -> None:
        self.pid, self.pidfd = popen.pid, os.pidfd_open(popen.pid)
        self._popen = popen

    def code(self) -> int:
        """Its exit code."""
        return self._popen.wait()


class Process:
    """A running process. `on_line` gets each line of its stdout, `on_exit` its exit code, once; both in the loop.

    Its stdin is a pipe that we hold: when it ends, we have ended. It is in a session of its own, so that Ctrl-C in the
    terminal reaches only us, who stop things in order. Raises OSError when it cannot be started.
    """

    def __init__(
        self,
        recipe: Recipe,
        *,
        on_line: Callable[[bytes], None],
        on_exit: Callable[[int], None],
        zygote: Zygote | None = None,
    ) -> None:
        self._on_line, self._on_exit = on_line, on_exit
        self._loop = asyncio.get_running_loop()
        self._running, self._stdin, self._stdout = start(recipe, zygote)
        self._pending = b""
        self._loop.add_reader(self._running.pidfd, self._exited)
        self._loop.add_reader(self._stdout, self._heard)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._running.pid

    def signal(self, number: int) -> None:
        """Send a signal, unless it has ended. One that is stopped is continued, or it would never hear SIGTERM."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._running.pidfd, number)
            signal.pidfd_send_signal(self._running.pidfd, signal.SIGCONT)

    def _heard(self) -> None:
        data = read_now(self._stdout)
        if data == b"":
            self._loop.remove_reader(self._stdout)
        *lines, rest = (self._pending + (data or b"")).split(b"\n")
        self._pending = rest[-READ_BYTES:]
        for line in lines:
            self._on_line(line)

    def _exited(self) -> None:
        pidfd, code = self._running.pidfd, self._running.code()
        self._heard()
        for fd in (pidfd, self._stdout):  # a grandchild may still hold stdout: what it writes there is nobody's
            self._loop.remove_reader(fd)
        for fd in (pidfd, self._stdout, self._stdin):
            os.close(fd)
        self._on_exit(code)


def read_now(fd: int) -> bytes | None:
    """What can be read without waiting: b"" at the end, None when there is nothing now."""
    try:
        return os.read(fd, READ_BYTES)
    except BlockingIOError:
        return None


def start(recipe: Recipe, zygote: Zygote | None) -> tuple[Running, int, int]:
    """Start it; the process, the writing end of its stdin, the reading end of its stdout. Raises OSError."""
    their_stdin, our_stdin = os.pipe()
    our_stdout, their_stdout = os.pipe()
    try:
        running = _forked(recipe, zygote, their_stdin, their_stdout) or _executed(recipe, their_stdin, their_stdout)
    except OSError:
        os.close(our_stdin)
        os.close(our_stdout)
        raise
    finally:
        os.close(their_stdin)
        os.close(their_stdout)
    os.set_blocking(our_stdout, False)
    return running, our_stdin, our_stdout


def _forked(recipe: Recipe, zygote: Zygote | None, stdin: int, stdout: int) -> Running | None:
    if zygote is None or not recipe.module:
        return None
    order = Order(recipe.module, recipe.environment, recipe.fds)
    return zygote.fork(order, [stdin, stdout, recipe.log, *recipe.fds])


def _executed(recipe: Recipe, stdin: int, stdout: int) -> Running:
    """Through with_parent. In the main thread: it is the death of the starting thread that the kernel looks at."""
    return Program(
        subprocess.Popen(
            [sys.executable, "-I", "-S", with_parent.__file__, str(os.getpid()), "--", *recipe.argv],
            stdin=stdin,
            stdout=stdout,
            stderr=recipe.log,
            env=recipe.environment,
            cwd=recipe.directory,
            pass_fds=recipe.fds,
            start_new_session=True,
        )
    )
