"""A real terminal for programs under test: a window of a tmux server of the test's own.

async with Tmux(tmp_path) as terminal:
    terminal.run([GESTALT, "attach", "x 1"], environment)
    await terminal.shows("ready")
"""

from __future__ import annotations

import contextlib
import secrets
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from tests.support import processes
from tests.support.eventually import eventually

TMUX = shutil.which("tmux")
COMMAND_SECONDS = 10.0
WINDOW = "=it:0"


class Tmux:
    """One window of 100 columns and 30 rows. What runs in it is a shell that waits for what `run` gives it."""

    def __init__(self, folder: Path, *, columns: int = 100, rows: int = 30) -> None:
        self._name = f"gestalt-test-{secrets.token_hex(6)}"
        self._codes = folder / "exit-codes"
        self._size = (columns, rows)
        self._started = 0

    async def __aenter__(self) -> Self:
        columns, rows = map(str, self._size)
        self._tmux("new-session", "-d", "-s", "it", "-x", columns, "-y", rows, "env -i PATH=/usr/bin:/bin PS1='$ ' sh")
        self._tmux("set-option", "-g", "history-limit", "5000")
        await self.shows("$")
        return self

    async def __aexit__(self, *exc: object) -> None:
        with contextlib.suppress(subprocess.CalledProcessError):
            self._tmux("kill-server")

    def run(self, argv: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start a program in the window; its exit code goes to `code`."""
        self._started += 1
        names = {"TERM": "screen-256color", "LANG": "C.UTF-8", **environment}
        settings = [f"{name}={value}" for name, value in names.items()]
        line = f"clear; {shlex.join(['env', *settings, *argv])}; echo $? >> {shlex.quote(str(self._codes))}"
        script = self._codes.with_name(f"run-{self._started}.sh")
        script.write_text(f"{line}\n")
        self._tmux("send-keys", "-R", "-t", WINDOW)  # what was shown before is not what it shows
        self.type(f". {shlex.quote(str(script))}", "Enter")

    def type(self, *keys: str) -> None:
        """Press keys, by tmux's names of them, or type text."""
        self._tmux("send-keys", "-t", WINDOW, *keys)

    def resize(self, columns: int, rows: int) -> None:
        """Give the window another size."""
        self._tmux("resize-window", "-t", WINDOW, "-x", str(columns), "-y", str(rows))

    def record(self, file: Path) -> None:
        """Append every byte that is written to the window to a file, from now on."""
        file.touch()
        self._tmux("pipe-pane", "-t", WINDOW, f"cat >> {shlex.quote(str(file))}")

    def text(self, *, history: bool = False) -> str:
        """What the window shows, trailing spaces trimmed; `history`: and what scrolled out of it."""
        return self._tmux("capture-pane", "-p", "-t", WINDOW, *(["-S", "-"] if history else []))

    def asked(self, what: str) -> str:
        """A fact in tmux's format language: `#{pane_title}`, `#{alternate_on}`, …"""
        return self._tmux("display-message", "-p", "-t", WINDOW, what).strip()

    def pid(self, program: str) -> int:
        """The process of a program that runs in the window."""
        below = processes.descendants(int(self.asked("#{pane_pid}")))
        return next(pid for pid in below if program in " ".join(processes.argv(pid)))

    async def shows(self, text: str, within: float = 10.0) -> None:
        """Wait until the window shows it."""
        await eventually(lambda: text in self.text() or self._nothing(), within, what=f"{text!r} is on the screen")

    async def code(self, within: float = 10.0) -> int:
        """Wait for the end of what was started last; its exit code."""
        return int((await eventually(self._ended, within, what="the program in the window has ended"))[-1])

    def _ended(self) -> list[str]:
        codes = self._codes.read_text().split()
        return codes if len(codes) == self._started else self._nothing()

    def _nothing(self) -> list[str]:
        raise AssertionError(f"the screen shows:\n{self.text()}")

    def _tmux(self, *arguments: str) -> str:
        assert TMUX is not None, "tmux is not installed"
        argv = [TMUX, "-L", self._name, "-f", "/dev/null", *arguments]
        done = subprocess.run(argv, check=True, capture_output=True, timeout=COMMAND_SECONDS)
        return done.stdout.decode()
