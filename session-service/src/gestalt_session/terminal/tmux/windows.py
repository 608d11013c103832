"""The windows of our tmux server: made, found, asked, shown, killed."""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from gestalt_session.terminal.slot import replace_file
from gestalt_session.terminal.tmux import launcher
from gestalt_session.terminal.tmux.commands import CONFIGURATION, NoServer, Tmux, TmuxFailed, literal

LARGEST = 10_000
"""Columns or rows of a tmux window."""
SETTINGS = b"""\
# Written by Gestalt at each start of this tmux server.
set -g remain-on-exit on
set -gq remain-on-exit-format ""
set -g automatic-rename off
set -g allow-rename off
set -g history-limit 10000
set -s escape-time 10
set -g status-left-length 40
"""
_FIELDS = (
    "@gestalt_uid",
    *("session_id", "window_id", "pane_id", "pane_pid", "pane_tty", "pid"),
    *("pane_dead", "pane_dead_status", "pane_dead_signal"),
)
_FORMAT = "|".join(f"#{{{field}}}" for field in _FIELDS)
_GROUP_MARK = "@gestalt_group"


class Window(Struct, frozen=True):
    """A window of ours as tmux describes it."""

    uid: str
    group: str  # tmux's word is session: `$1`
    id: str
    pane: str
    launcher: int  # its pid; the program is its only child
    tty: str
    server: int  # pid of the tmux server
    dead: bool
    exit_code: int | None


class Windows:
    """What is asked of tmux about windows. Everything raises TmuxFailed and TmuxUnavailable."""

    def __init__(self, tmux: Tmux, title: str) -> None:
        """`title` names the tmux session that holds the windows."""
        self._tmux = tmux
        self.title = title
        self._making = asyncio.Lock()

    async def all(self) -> dict[str, Window]:
        """Windows of ours by the uid of their session; none when no server runs."""
        try:
            said = await self._tmux.run("list-panes", "-a", "-F", _FORMAT)
        except NoServer:
            return {}
        windows = [window_of(line) for line in said.splitlines()]
        return {window.uid: window for window in windows if window is not None}

    async def find(self, uid: str) -> Window | None:
        """The window of one session."""
        return (await self.all()).get(uid)

    async def make(self, uid: str, name: str, folder: Path) -> Window:
        """A window whose launcher waits at its gate."""
        words = [sys.executable, "-I", "-S", launcher.__file__, str(folder)]
        async with self._making:
            await asyncio.to_thread(replace_file, self._tmux.slot / CONFIGURATION, SETTINGS)
            group = await self._group()
            if group is None:
                await self._begin(uid, name, words)
            else:
                await self._tmux.run(
                    *("new-window", "-d", "-a", "-t", f"{group}:{{end}}", "-n", literal(name), "--", *words, ";"),
                    *("set-option", "-p", "-t", f"{group}:{{end}}", "@gestalt_uid", uid),
                )
        window = await self.find(uid)
        if window is None:
            raise TmuxFailed("tmux lost a new window")
        return window

    async def _begin(self, uid: str, name: str, words: list[str]) -> None:
        """The first window, with the tmux session and, if none runs, the server."""
        said = await self._tmux.run_or_start(
            *("new-session", "-d", "-s", literal(self.title), "-n", literal(name), "-P", "-F", "#{session_id}"),
            *("-x", "80", "-y", "24", "--", *words),
        )
        group = said.strip()
        await self._tmux.run(
            *("set-option", "-t", group, _GROUP_MARK, "1", ";"),
            *("set-option", "-p", "-t", f"{group}:{{end}}", "@gestalt_uid", uid),
        )

    async def _group(self) -> str | None:
        """The tmux session that holds our windows: the one that is marked, or one that a dead worker had only named."""
        try:
            said = await self._tmux.run("list-sessions", "-F", f"#{{session_id}} #{{{_GROUP_MARK}}} #{{session_name}}")
        except NoServer:
            return None
        sessions = [line.split(" ", 2) for line in said.splitlines()]
        marked = [group for group, mark, _ in sessions if mark]
        named = [group for group, _, name in sessions if name == shown(self.title)]
        return next(iter(marked + named), None)

    async def pipe(self, window: Window) -> None:
        """Hand what the pane says to a relay, which tells its pid. tmux runs it in a shell, from the slot's folder."""
        folder = f"sessions/{window.uid}"  # hexadecimal digits and dashes: nothing a shell or a format would see
        await self._tmux.run("pipe-pane", "-t", window.pane, f"cd {folder} && echo $$ >relay.pid && exec cat 1<>pane")

    async def resize(self, window: Window, cols: int, rows: int) -> None:
        """Set its size, which no client that attaches changes any more."""
        await self._tmux.run("resize-window", "-t", window.id, *size_words(cols, rows))

    async def show(self, window: Window) -> None:
        """Bring it to the front of whoever is attached."""
        await self._tmux.run("select-window", "-t", window.id)

    async def kill(self, window: Window) -> None:
        """Close it; it may be gone already."""
        with suppress(TmuxFailed):
            await self._tmux.run("kill-window", "-t", window.id)


def shown(title: str) -> str:
    """The name that tmux gives to a session with that title: `:` and `.` separate the parts of its targets."""
    return title.replace(":", "_").replace(".", "_")


def size_words(cols: int, rows: int) -> list[str]:
    """The size as tmux takes it."""
    return ["-x", str(min(cols, LARGEST)), "-y", str(min(rows, LARGEST))]


def window_of(line: str) -> Window | None:
    """One line of `list-panes`; None for a window that is not ours."""
    uid, group, window, pane, pid, tty, server, dead, status, number = line.split("|")
    if not uid:
        return None
    return Window(uid, group, window, pane, int(pid), tty, int(server), dead == "1", exit_code(status, number))


def exit_code(status: str, number: str) -> int | None:
    """Negative for a signal (a number or a name, as releases differ); None while nobody knows."""
    if status:
        return int(status)
    if number.isdigit():
        return -int(number)
    name = "SIG" + number.upper().removeprefix("SIG")
    return -signal.Signals[name] if name in signal.Signals.__members__ else None
