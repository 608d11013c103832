"""This end's terminal: raw while attached, written without blocking, and put back on every path."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import select
import stat
import termios
import tty
from collections.abc import Iterator
from typing import Any

MOST_WAITING = 256 * 1024
"""Bytes that may wait for a slow terminal; until they are fewer nothing more is read from the server."""
FAREWELL_SECONDS = 0.5
"""How long the last bytes may take when we leave early: a terminal that is stopped (Ctrl-S) must not hold us."""
_WRITE_BYTES = 64 * 1024


class NobodyWatches(Exception):
    """What reads our output is gone."""


@contextlib.contextmanager
def raw(fd: int) -> Iterator[None]:
    """Keys arrive as they are typed while this holds; nothing happens to what is no terminal.

    Leaving drops what was typed and not read: answers of the terminal to questions of the session are not for a shell.
    """
    if not os.isatty(fd):
        yield
        return
    before = termios.tcgetattr(fd)
    make_raw(fd)
    try:
        yield
    finally:
        with contextlib.suppress(termios.error):  # the terminal has gone away
            termios.tcsetattr(fd, termios.TCSANOW, before)
            termios.tcflush(fd, termios.TCIFLUSH)


def make_raw(fd: int) -> None:
    """Raw mode now; also after the shell took the terminal back for a while."""
    with contextlib.suppress(termios.error):
        tty.setraw(fd, termios.TCSANOW)


def size_of(fd: int) -> tuple[int, int] | None:
    """Columns and rows; None for what is no terminal, or one that does not know."""
    try:
        columns, rows = os.get_terminal_size(fd)
    except OSError:
        return None
    return (columns, rows) if columns and rows else None


def pollable(fd: int) -> bool:
    """Whether one can wait for it: a terminal, a pipe, a socket. A regular file is always ready."""
    mode = os.fstat(fd).st_mode
    return os.isatty(fd) or stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


class Output:
    """stdout, through a file description of its own where there can be one.

    O_NONBLOCK belongs to the description, and stdout's is shared with the shell that started us.
    """

    def __init__(self, fd: int) -> None:
        self._fd, self._waits = _opened_again(fd)
        self._loop = asyncio.get_running_loop()
        self._waiting = bytearray()
        self._emptier = asyncio.Event()
        self._emptier.set()
        self._failed: OSError | None = None
        self._draining = False

    @property
    def idle(self) -> bool:
        """Whether all that was given is written."""
        return not self._waiting

    async def write(self, data: bytes) -> None:
        """Take bytes; returns when few enough wait. Raises NobodyWatches."""
        self.put(data)
        await self._emptier.wait()
        self._raise()

    async def drain(self) -> None:
        """Returns when everything is written. Raises NobodyWatches."""
        self._draining = True
        if self._waiting:
            self._emptier.clear()
            await self._emptier.wait()
        self._raise()

    def put(self, data: bytes) -> None:
        """Take a few bytes without waiting."""
        begin = not self._waiting and self._failed is None
        self._waiting += data
        if len(self._waiting) > MOST_WAITING:
            self._emptier.clear()
        if begin and data:
            self._flush()
            if self._waiting:
                self._loop.add_writer(self._fd, self._flush)

    def close(self, farewell: bytes) -> None:
        """Drop what waits, write the farewell if the terminal takes it in time, and close."""
        if self._waits:
            self._loop.remove_writer(self._fd)
        with contextlib.suppress(OSError):
            ready = not self._waits or select.select([], [self._fd], [], FAREWELL_SECONDS)[1]
            if farewell and ready:
                os.write(self._fd, farewell)
        os.close(self._fd)

    def _flush(self) -> None:
        try:
            self._write_some()
        except BlockingIOError:
            return
        except OSError as error:
            self._failed = error
            self._waiting.clear()
        if not self._waiting and self._waits:
            self._loop.remove_writer(self._fd)
        if len(self._waiting) <= (0 if self._draining else MOST_WAITING // 2):
            self._emptier.set()

    def _write_some(self) -> None:
        """One write of what can be waited for; all of it for a file."""
        while self._waiting:
            del self._waiting[: os.write(self._fd, self._waiting[:_WRITE_BYTES])]
            if self._waits:
                return

    def _raise(self) -> None:
        if self._failed is not None:
            raise NobodyWatches(self._failed.strerror) from self._failed


def _opened_again(fd: int) -> tuple[int, bool]:
    """A descriptor for the same thing that never blocks, and whether it has to be waited for."""
    if not pollable(fd):
        return os.dup(fd), False
    try:
        return os.open(f"/proc/self/fd/{fd}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC), True
    except OSError:  # a socket, or a terminal that may not be opened again: its writes block, one small one at a time
        return os.dup(fd), True


class Input:
    """stdin, chunk by chunk as it comes."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._loop = asyncio.get_running_loop()
        self._waits = pollable(fd)

    async def read(self, most: int) -> bytes:
        """The next bytes; empty at the end, which is also a terminal that has gone away."""
        if self._waits:
            await self._readable()
        try:
            return os.read(self._fd, most)
        except OSError as error:
            if error.errno == errno.EIO:
                return b""
            raise

    async def _readable(self) -> None:
        ready: asyncio.Future[None] = self._loop.create_future()
        self._loop.add_reader(self._fd, _settle, ready)
        try:
            await ready
        finally:
            self._loop.remove_reader(self._fd)


def _settle(ready: asyncio.Future[Any]) -> None:
    if not ready.done():
        ready.set_result(None)
