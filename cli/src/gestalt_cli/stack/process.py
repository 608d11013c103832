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

from msgspec import Struct

from gestalt_cli.stack import with_parent

READ_BYTES = 65_536


class Recipe(Struct, frozen=True):
    """How a process is started. `log` takes its stderr; `fds` are file descriptors it inherits under their numbers."""

    argv: Sequence[str]
    environment: dict[str, str]
    log: int
    fds: tuple[int, ...] = ()
    directory: Path | None = None


class Process:
    """A running process. `on_line` gets each line of its stdout, `on_exit` its exit code, once; both in the loop.

    Its stdin is a pipe that we hold: when it ends, we have ended. It is in a session of its own, so that Ctrl-C in the
    terminal reaches only us, who stop things in order. Raises OSError when it cannot be started.
    """

    def __init__(self, recipe: Recipe, *, on_line: Callable[[bytes], None], on_exit: Callable[[int], None]) -> None:
        self._on_line, self._on_exit = on_line, on_exit
        self._loop = asyncio.get_running_loop()
        self._popen, self._stdin, self._stdout = start(recipe)
        self._pending = b""
        self._pidfd = os.pidfd_open(self._popen.pid)
        self._loop.add_reader(self._pidfd, self._exited)
        self._loop.add_reader(self._stdout, self._heard)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._popen.pid

    def tell(self, line: str) -> None:
        """Write a line to its stdin; one that is gone does not hear it."""
        with contextlib.suppress(OSError):
            os.write(self._stdin, f"{line}\n".encode())

    def signal(self, number: int) -> None:
        """Send a signal, unless it has ended. One that is stopped is continued, or it would never hear SIGTERM."""
        with contextlib.suppress(ProcessLookupError):
            self._popen.send_signal(number)
            self._popen.send_signal(signal.SIGCONT)

    def _heard(self) -> None:
        data = read_now(self._stdout)
        if data == b"":
            self._loop.remove_reader(self._stdout)
        *lines, rest = (self._pending + (data or b"")).split(b"\n")
        self._pending = rest[-READ_BYTES:]
        for line in lines:
            self._on_line(line)

    def _exited(self) -> None:
        code = self._popen.wait()
        self._heard()
        for fd in (self._pidfd, self._stdout):  # a grandchild may still hold stdout: what it writes there is nobody's
            self._loop.remove_reader(fd)
        for fd in (self._pidfd, self._stdout, self._stdin):
            os.close(fd)
        self._on_exit(code)


def read_now(fd: int) -> bytes | None:
    """What can be read without waiting: b"" at the end, None when there is nothing now."""
    try:
        return os.read(fd, READ_BYTES)
    except BlockingIOError:
        return None


def start(recipe: Recipe) -> tuple[subprocess.Popen[bytes], int, int]:
    """Start it through with_parent; the process, the writing end of its stdin, the reading end of its stdout.

    Call it in the main thread: it is the death of the starting thread that the kernel looks at.
    """
    their_stdin, our_stdin = os.pipe()
    our_stdout, their_stdout = os.pipe()
    try:
        popen = subprocess.Popen(
            [sys.executable, "-I", "-S", with_parent.__file__, str(os.getpid()), "--", *recipe.argv],
            stdin=their_stdin,
            stdout=their_stdout,
            stderr=recipe.log,
            env=recipe.environment,
            cwd=recipe.directory,
            pass_fds=recipe.fds,
            start_new_session=True,
        )
    except OSError:
        os.close(our_stdin)
        os.close(our_stdout)
        raise
    finally:
        os.close(their_stdin)
        os.close(their_stdout)
    os.set_blocking(our_stdout, False)
    return popen, our_stdin, our_stdout
