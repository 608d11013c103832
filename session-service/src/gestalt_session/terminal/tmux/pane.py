"""A worker's hold on a program in a tmux window: what Device and Keyboard are for a PTY of our own."""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
import termios
from contextlib import suppress
from functools import partial
from pathlib import Path

from gestalt_session.terminal.device import Device
from gestalt_session.terminal.keyboard import Keyboard, KeyboardClosed, Stroke
from gestalt_session.terminal.tmux.control import Control
from gestalt_session.terminal.tmux.windows import Window, size_words

PIECE = 1024
"""Bytes typed at once; a terminal holds 4095 that its program has not read."""
MOST_UNREAD = 2048
LOOK_SECONDS, LONGEST_LOOK_SECONDS = 0.002, 0.05  # nobody tells when a program has read on
_QUOTED = re.compile(rb"[^ !#%-\[\]-}]")  # what double quotes do not keep as it is: controls, `"`, `$`, `\`, `~`, high
_LOCAL_FLAGS = 3  # index in the list of tcgetattr
_FOREGROUND = 5  # index of the terminal's foreground group in /proc/<pid>/stat, after the name


class Pane(Device):
    """The descriptors are the output's: the session's named pipe in place of a master, `cat` in place of the program.

    `window` is None when tmux has closed it already: the end is about to be told.
    """

    def __init__(
        self, pid: int, descriptors: list[int], window: Window | None, control: Control, *, raw_paste: list[str]
    ) -> None:
        super().__init__(pid, descriptors)
        self.window = window
        self.raw_paste = raw_paste
        self._control = control

    def keyboard(self, loop: asyncio.AbstractEventLoop) -> Keyboard:
        """Type through tmux."""
        return PaneKeyboard(loop, self, self._control)

    def resize(self, cols: int, rows: int) -> None:
        """Set the window's size, after what was typed before."""
        if self.window is not None:
            self._control.send(" ".join(["resize-window", "-t", self.window.id, *size_words(cols, rows)]))

    def is_canonical(self) -> bool:
        """Whether the terminal gathers lines; False when it is gone."""
        with suppress(termios.error), _Terminal(self.window) as terminal:
            return terminal is not None and bool(termios.tcgetattr(terminal)[_LOCAL_FLAGS] & termios.ICANON)
        return False

    def unread(self) -> int:
        """Bytes typed that the program has not read; none when the terminal is gone."""
        with suppress(OSError), _Terminal(self.window) as terminal:
            if terminal is not None:
                return int.from_bytes(fcntl.ioctl(terminal, termios.FIONREAD, bytes(4)), "little")
        return 0

    def _foreground(self) -> int:
        """From /proc: only the terminal's own processes may ask the terminal."""
        try:
            stat = (Path("/proc") / str(self.pid) / "stat").read_bytes()
        except OSError:
            return self.pid
        return int(stat[stat.rindex(b")") + 2 :].split()[_FOREGROUND])


class _Terminal:
    """The terminal's slave, open inside the block only: tmux is to see it close with the program. None: it is gone."""

    def __init__(self, window: Window | None) -> None:
        self._path = None if window is None else window.tty
        self._descriptor: int | None = None

    def __enter__(self) -> int | None:
        if self._path is not None:
            try:
                self._descriptor = os.open(self._path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
            except OSError:
                self._descriptor = None
        return self._descriptor

    def __exit__(self, *_: object) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)


class PaneKeyboard(Keyboard):
    """Types into one pane, a piece at a time: the next when tmux has the last one and the program reads."""

    def __init__(self, loop: asyncio.AbstractEventLoop, pane: Pane, control: Control) -> None:
        super().__init__(loop, -1)
        self._pane = pane
        self._control = control
        self._on_its_way = False
        self._timer: asyncio.TimerHandle | None = None
        self._look_seconds = LOOK_SECONDS

    def close(self) -> None:
        """The terminal has ended: whoever waits is told how much was taken."""
        if self._timer is not None:
            self._timer.cancel()
        super().close()

    def _write(self) -> None:
        if self._on_its_way or self._timer is not None:
            return
        while self._strokes and self._strokes[0].over:
            self._settle(self._strokes.popleft(), None)
        if not self._strokes:
            return
        if self._pane.window is None:
            self.close()
        elif not self._control.connected or self._pane.unread() > MOST_UNREAD:
            self._look_again()
        else:
            self._look_seconds = LOOK_SECONDS
            self._send(self._strokes[0], self._pane.window)

    def _look_again(self) -> None:
        self._timer = self._loop.call_later(self._look_seconds, self._looked)
        self._look_seconds = min(2 * self._look_seconds, LONGEST_LOOK_SECONDS)

    def _looked(self) -> None:
        self._timer = None
        self._write()

    def _send(self, stroke: Stroke, window: Window) -> None:
        piece = bytes(stroke.data[stroke.taken : stroke.taken + PIECE])
        self._on_its_way = True
        sent = [self._control.send(command) for command in commands(piece, window, self._pane.raw_paste)]
        sent[-1].add_done_callback(partial(self._arrived, stroke, len(piece)))

    def _arrived(self, stroke: Stroke, count: int, sent: asyncio.Future[None]) -> None:
        self._on_its_way = False
        if self._closed:
            return
        if sent.cancelled() or sent.exception() is not None:
            self._lost(stroke)
            return
        stroke.taken += count
        if not stroke.given_up:
            self._waiting -= count
        self._write()

    def _lost(self, stroke: Stroke) -> None:
        """Hung up, or the pane is gone: nobody knows about this piece, so the rest must not follow it."""
        self._strokes.popleft()
        if not stroke.given_up:
            self._waiting -= len(stroke.data) - stroke.taken
        self._settle(stroke, KeyboardClosed(stroke.taken))
        self._write()


def commands(data: bytes, window: Window, raw_paste: list[str]) -> list[str]:
    """Command lines that type exactly `data` into the window's pane: no buffer can hold a NUL, which goes as a key."""
    lines: list[str] = []
    for part in re.findall(rb"\0+|[^\0]+", data):
        if part.startswith(b"\0"):
            lines += [f"copy-mode -q -t {window.pane}", f"send-keys -t {window.pane} -H {part.hex(' ')}"]
        else:
            buffer = f"gestalt-{window.uid}"
            paste = " ".join(["paste-buffer", "-r", "-d", *raw_paste, "-b", buffer, "-t", window.pane])
            lines += [f"set-buffer -b {buffer} -- {quoted(part)}", paste]
    return lines


def quoted(data: bytes) -> str:
    """Bytes in tmux's double quotes."""
    return '"' + _QUOTED.sub(lambda match: b"\\%03o" % match[0][0], data).decode("ascii") + '"'
