"""Running tmux: one command line, its answer, a limit of time. It never meets a shell, nor the user's configuration."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from gestalt_ptyhost.holders import TMUX_SOCKET
from gestalt_session.terminal.hosts import scope_prefix

CONFIGURATION = "tmux.conf"
OLDEST = (3, 2)
"""The first with client flags (`no-output`) and `copy-mode -q`."""
RAW_PASTE_FLAG = (3, 7)
"""From here on `paste-buffer` shows control characters as text, unless `-S` is given."""
COMMAND_SECONDS = 5.0
MOST_AT_ONCE = 4
"""Commands that run at one time, on threads of their own: a tmux that hangs is not to keep files and git waiting."""
UNAVAILABLE = "tmux unavailable"
_VERSION = re.compile(r"(\d+)\.(\d+)")
_NEWEST = (999, 0)


class TmuxUnavailable(Exception):
    """There is no tmux here, or one that is too old."""


class TmuxFailed(Exception):
    """tmux did not do what it was told; the message is its own."""


class NoServer(TmuxFailed):
    """No tmux server of this slot runs."""


class Tmux:
    """The tmux server of one slot."""

    def __init__(self, slot: Path) -> None:
        self.slot = slot
        self._version: tuple[int, int] | None = None
        self._threads = ThreadPoolExecutor(MOST_AT_ONCE, "tmux")

    def close(self) -> None:
        """Give the threads back; a command that runs ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    @property
    def socket(self) -> Path:
        """Where people attach: `tmux -S <this> attach`."""
        return self.slot / TMUX_SOCKET

    @property
    def raw_paste(self) -> list[str]:
        """What makes `paste-buffer` leave bytes as they are; to be asked once the version is known."""
        return ["-S"] if self._version is not None and self._version >= RAW_PASTE_FLAG else []

    async def version(self) -> tuple[int, int]:
        """Major and minor number. Raises TmuxUnavailable."""
        if self._version is None:
            try:
                said = await self._run([self._binary(), "-V"])
            except (OSError, TmuxFailed) as error:
                raise TmuxUnavailable(f"tmux does not run: {error}") from error
            version = version_of(said)
            if version < OLDEST:
                raise TmuxUnavailable(f"{said.strip()} is older than {OLDEST[0]}.{OLDEST[1]}")
            self._version = version
        return self._version

    async def run(self, *words: str) -> str:
        """What a running server answers. Raises TmuxUnavailable, TmuxFailed (also when none runs)."""
        return await self._run([*self.client(), *words])

    async def run_or_start(self, *words: str) -> str:
        """Likewise; where none runs one is started."""
        await self.version()
        prefix = scope_prefix(os.environ)
        scoped = [*prefix, *(f"{name}={value}" for name, value in environment().items())] if prefix else []
        return await self._run([*scoped, *self.client(), *words])

    def client(self) -> list[str]:
        """How a client of this server is called.

        From the slot's folder: the whole path may be longer than a socket's address.
        """
        return [self._binary(), "-u", "-S", TMUX_SOCKET, "-f", CONFIGURATION]

    def _binary(self) -> str:
        found = shutil.which("tmux")
        if found is None:
            raise TmuxUnavailable("tmux is not installed")
        return str(Path(found).absolute())

    async def _run(self, argv: list[str]) -> str:
        done = await asyncio.get_running_loop().run_in_executor(self._threads, self._done, argv)
        if done.returncode != 0:
            complaint = done.stderr.decode(errors="replace").strip()
            raise _failure(complaint or f"tmux ended with {done.returncode}")
        return done.stdout.decode(errors="replace")

    def _done(self, argv: list[str]) -> subprocess.CompletedProcess[bytes]:
        """In a thread: the event loop's own subprocesses inherit a copy of their pipes, which a new server keeps."""
        try:
            return subprocess.run(
                argv,
                env=environment() | _user_bus(),
                cwd=self.slot,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                start_new_session=True,
                timeout=COMMAND_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise TmuxFailed("tmux does not answer") from None


def _failure(complaint: str) -> TmuxFailed:
    absent = complaint.startswith(("no server running", "error connecting"))
    return NoServer(complaint) if absent else TmuxFailed(complaint)


def environment() -> dict[str, str]:
    """All that tmux itself gets; its programs get theirs by the launcher."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"}


def _user_bus() -> dict[str, str]:
    return {name: os.environ[name] for name in ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS") if name in os.environ}


def version_of(said: str) -> tuple[int, int]:
    """The version in `tmux 3.3a` or `tmux next-3.6`; one without a number is built from the newest source."""
    match = _VERSION.search(said)
    return (int(match[1]), int(match[2])) if match else _NEWEST


def literal(name: str) -> str:
    """A name as tmux takes it: `#` would begin a format, even one that runs a command; a last `;` ends the command."""
    doubled = name.replace("#", "##")
    return doubled[:-1] + "\\;" if doubled.endswith(";") else doubled
