"""A worker's hold on one PTY: dups of its master, of the pipe the host splices through, and of the program's pidfd.

With them the worker types, resizes and signals without asking the host, and can hand the terminal to another host when
one dies. They are closed as soon as the program has ended, or its children would never get their hang-up.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import struct
import termios
from pathlib import Path

from gestalt_session.terminal.keyboard import Keyboard

CANONICAL_LINE = 4095  # N_TTY_BUF_SIZE - 1: the kernel drops what a line has beyond it
FOREGROUND_SIGNALS = frozenset({signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP, signal.SIGCONT})
_ENDED = frozenset({b"Z", b"X"})
_LOCAL_FLAGS = 3  # index in the list of tcgetattr


class Device:
    """The descriptors of one live terminal; `close` is safe to call twice."""

    def __init__(self, pid: int, descriptors: list[int]) -> None:
        self.pid = pid
        self.master, self.pipe_read, self.pipe_write, self.pidfd = descriptors
        self._closed = False

    @property
    def descriptors(self) -> list[int]:
        """What a new host needs, in the wire's order."""
        return [self.master, self.pipe_read, self.pipe_write, self.pidfd]

    def keyboard(self, loop: asyncio.AbstractEventLoop) -> Keyboard:
        """What types into it."""
        return Keyboard(loop, self.master)

    def resize(self, cols: int, rows: int) -> None:
        """Set the size; the kernel tells the foreground group with SIGWINCH."""
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    def is_canonical(self) -> bool:
        """Whether the terminal gathers lines (a shell script's `read`), so that a line has a longest length."""
        return bool(termios.tcgetattr(self.master)[_LOCAL_FLAGS] & termios.ICANON)

    def send_signal(self, number: signal.Signals) -> None:
        """Send job-control signals to the foreground group, others to every group of the session."""
        if number in FOREGROUND_SIGNALS:
            _signal_group(self._foreground(), number)
        else:
            self.signal_all(number)

    def signal_all(self, number: signal.Signals) -> None:
        """Send `number` to every process group of the terminal's session: the shell's and its jobs'."""
        signal_session(self.pid, number)

    def hang_up(self) -> None:
        """End what runs in the terminal, as closing its window does; KILL follows for what ignores that."""
        self.signal_all(signal.SIGHUP)
        self.signal_all(signal.SIGKILL)

    def _foreground(self) -> int:
        try:
            return os.tcgetpgrp(self.master)
        except OSError:
            return self.pid

    def close(self) -> None:
        """Let go of the terminal."""
        if self._closed:
            return
        self._closed = True
        for descriptor in self.descriptors:
            os.close(descriptor)


def signal_session(leader: int, number: signal.Signals) -> None:
    """Send `number` to every process group of a session, its leader alive or not."""
    for group in groups_of_session(leader):
        _signal_group(group, number)


def _signal_group(group: int, number: signal.Signals) -> None:
    if group <= 1:
        return
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return  # it has ended meanwhile, which is what most signals want; or it is another user's (sudo)


def parent_of(pid: int) -> int:
    """The parent of a process, ended or not; 0 when there is no such process."""
    try:
        stat = (Path("/proc") / str(pid) / "stat").read_bytes()
    except OSError:
        return 0
    return int(stat[stat.rindex(b")") + 2 :].split()[1])


def groups_of_session(leader: int) -> set[int]:
    """Process groups of the living in the session of `leader`, from /proc: background jobs have groups of their own."""
    groups = set()
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            group, session = _group_and_session(Path(entry.path))
            if session == leader:
                groups.add(group)
    return groups


def _group_and_session(process: Path) -> tuple[int, int]:
    try:
        stat = (process / "stat").read_bytes()
    except OSError:
        return 0, 0
    fields = stat[stat.rindex(b")") + 2 :].split()  # a program's name may hold spaces and brackets
    return (0, 0) if fields[0] in _ENDED else (int(fields[2]), int(fields[3]))
