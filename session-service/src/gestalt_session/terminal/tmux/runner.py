"""Sessions in tmux windows: opened, taken up again, ended. It knows terminals and folders, no HTTP and no Redis."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable, Coroutine
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, TypeVar

import structlog

from gestalt_session.terminal.device import Device, parent_of
from gestalt_session.terminal.folder import SessionFile, SessionFolder
from gestalt_session.terminal.pty_host import LONGEST_SOCKET_PATH, CreateFailed
from gestalt_session.terminal.session import Session
from gestalt_session.terminal.slot import PRIVATE_FILE, replace_file
from gestalt_session.terminal.termination import terminate
from gestalt_session.terminal.tmux.commands import Tmux, TmuxFailed, TmuxUnavailable
from gestalt_session.terminal.tmux.control import Control
from gestalt_session.terminal.tmux.launcher import GATE, LAUNCH, PROGRAM
from gestalt_session.terminal.tmux.pane import Pane
from gestalt_session.terminal.tmux.windows import Window, Windows, shown

PIPE, RELAY = "pane", "relay.pid"
"""In a session's folder: where the output comes through, and who brings it (see `Windows.pipe`)."""
START_SECONDS = 10.0
REVIVE_SECONDS = 0.5  # what a dead worker had begun is not waited for: it was never answered, and others are waiting
END_SECONDS = 5.0  # how long tmux may take to pass on a program's last words; a job that floods on never ends
LOOK_SECONDS, LONGEST_LOOK_SECONDS = 0.01, 0.2
TMUX_ENDED = "tmux window closed"
"""Why a session ended whose exit code tmux did not tell."""

T = TypeVar("T")

log = structlog.get_logger()


class TmuxRunner:
    """The tmux windows of one slot."""

    def __init__(self, slot: Path, title: str, *, open_files: int | None = None) -> None:
        """`title` names what people attach to; `open_files`: the soft limit that programs start with."""
        self.tmux = Tmux(slot)
        self.windows = Windows(self.tmux, title)
        self._control = Control(self.tmux)
        self._open_files = open_files
        self._ended: asyncio.Queue[Window] = asyncio.Queue()
        self._windowless: asyncio.Queue[Session] = asyncio.Queue()
        self._codes: dict[str, int] = {}
        self._watched: dict[str, int] = {}

    @property
    def title(self) -> str:
        """The name of the tmux session that holds the windows, as tmux shows it."""
        return shown(self.windows.title)

    @property
    def attaching(self) -> list[str]:
        """What a person runs, in the slot's folder, to see the windows."""
        path = str(self.tmux.socket)
        short = path if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH else self.tmux.socket.name
        return ["tmux", "-u", "-S", short, "attach-session", "-t", f"={self.title}"]

    # -- opening ---------------------------------------------------------------------------------------------------

    async def available(self) -> None:
        """Raises TmuxUnavailable."""
        await self.tmux.version()

    async def open(self, file: SessionFile, folder: SessionFolder, env: dict[str, str]) -> Pane:
        """Start the program of a new session in a window.

        Raises CreateFailed, TmuxFailed, TmuxUnavailable, OSError.
        """
        await asyncio.to_thread(self._prepare, file, folder, env)
        async with asyncio.timeout(START_SECONDS):
            window = await self.windows.make(file.uid, file.id, folder.path)
            try:
                return await self._start(window, file, folder)
            except BaseException:
                await asyncio.shield(self.windows.kill(window))
                raise

    def _prepare(self, file: SessionFile, folder: SessionFolder, env: dict[str, str]) -> None:
        for name in (PIPE, GATE):
            os.mkfifo(folder.path / name, PRIVATE_FILE)
        launch = {"argv": file.argv, "env": env, "cwd": file.cwd, "open_files": self._open_files}
        replace_file(folder.path / LAUNCH, json.dumps(launch).encode("ascii"))

    async def _start(self, window: Window, file: SessionFile, folder: SessionFolder) -> Pane:
        await self.windows.resize(window, file.cols, file.rows)
        await self.windows.pipe(window)
        self._control.want(window.group)
        await self._control.ready()
        relay = await _pid_in(folder.path / RELAY, START_SECONDS)
        await _open_gate(folder)
        return await self._pane(window, folder, relay, START_SECONDS)

    async def _pane(self, window: Window, folder: SessionFolder, relay: int, seconds: float) -> Pane:
        pid = await _pid_in(folder.path / PROGRAM, seconds)
        descriptors = _descriptors(folder, relay)
        self._watch(window, pid)
        return Pane(pid, descriptors, window, self._control, raw_paste=self.tmux.raw_paste)

    # -- taking up -------------------------------------------------------------------------------------------------

    async def found(self) -> dict[str, Window]:
        """The windows that were there before this worker, by uid; none where tmux is not to be asked."""
        if not self.tmux.socket.exists():
            return {}
        try:
            await self.available()
            return await self.windows.all()
        except (TmuxFailed, TmuxUnavailable, OSError) as error:
            log.warning("tmux cannot be asked for its windows", error=str(error))
            return {}

    def take_up(self, pid: int, descriptors: list[int], window: Window | None) -> Device:
        """A terminal whose host lives; without a window its end is about to be told."""
        if window is not None:
            self._control.want(window.group)
            self._watch(window, pid)
        return Pane(pid, descriptors, window, self._control, raw_paste=self.tmux.raw_paste)

    async def revive(self, window: Window, folder: SessionFolder) -> Pane | None:
        """A terminal whose host died while no worker was there; None when it is lost, and its window closed."""
        try:
            relay = await _pid_in(folder.path / RELAY, REVIVE_SECONDS)
            if await asyncio.to_thread(_brings, relay, folder):
                self._control.want(window.group)
                return await self._pane(window, folder, relay, REVIVE_SECONDS)
        except (OSError, TimeoutError) as error:
            log.warning("a tmux window is given up", uid=window.uid, error=str(error))
        await self.windows.kill(window)
        return None

    async def close_strays(self, windows: dict[str, Window], known: set[str]) -> None:
        """Close windows that no live session claims; one whose session's file is there but unreadable is left alone."""
        for uid, window in windows.items():
            if uid in known or not (self.tmux.slot / "sessions" / uid / "session.json").exists():
                log.warning("a tmux window without a session is closed", uid=uid)
                await self.windows.kill(window)

    # -- showing ---------------------------------------------------------------------------------------------------

    async def show(self, uid: str) -> bool:
        """Bring a session's window to the front; False when there is none."""
        window = await self.windows.find(uid)
        if window is not None:
            await self.windows.show(window)
        return window is not None

    # -- ending ----------------------------------------------------------------------------------------------------

    async def drop(self, pane: Pane) -> None:
        """Give up a window that nobody reads."""
        if pane.window is not None:
            self._unwatch(pane.window.uid)
            await self.windows.kill(pane.window)
        pane.close()

    def ended(self, session: Session) -> None:
        """The output of a session has ended; the host knows no more than that."""
        self._unwatch(session.uid)
        code = self._codes.pop(session.uid, None)
        if code is None:
            self._windowless.put_nowait(session)  # its program may ignore that its terminal is gone
        session.exited(code, time.time(), TMUX_ENDED if code is None else None)

    def _watch(self, window: Window, pid: int) -> None:
        """Notice the end of its program."""
        try:
            pidfd = os.pidfd_open(pid)
        except ProcessLookupError:
            pidfd = None
        if pidfd is None or parent_of(pid) != window.launcher:  # a launcher outlives its program, whose pid is reused
            self._ended.put_nowait(window)
            if pidfd is not None:
                os.close(pidfd)
            return
        self._watched[window.uid] = pidfd
        asyncio.get_running_loop().add_reader(pidfd, self._program_ended, window)

    def _program_ended(self, window: Window) -> None:
        self._unwatch(window.uid)
        self._ended.put_nowait(window)

    def _unwatch(self, uid: str) -> None:
        pidfd = self._watched.pop(uid, None)
        if pidfd is not None:
            asyncio.get_running_loop().remove_reader(pidfd)
            os.close(pidfd)

    async def care_forever(self) -> None:
        """Serve the connection to tmux; close the window of each program that ends, end that of each closed window."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._control.serve_forever())
            tasks.create_task(self._each(self._ended, self._close))
            tasks.create_task(self._each(self._windowless, self._end_program))

    async def _each(self, waiting: asyncio.Queue[T], deal_with: Callable[[T], Coroutine[None, None, None]]) -> None:
        """Each as soon as it comes, none waiting for another."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                tasks.create_task(deal_with(await waiting.get()))

    async def _close(self, window: Window) -> None:
        try:
            code = await self._last_words(window)
            if code is not None:
                self._codes[window.uid] = code
            await self.windows.kill(window)
        except Exception:
            log.exception("a tmux window could not be closed", uid=window.uid)

    async def _end_program(self, session: Session) -> None:
        try:
            await terminate(session)
        except asyncio.CancelledError:
            if session.device is not None:
                session.device.hang_up()  # a worker that stops has no time to be gentle, and nobody else would end it
            raise
        except Exception:
            log.exception("a program whose tmux window is gone could not be ended", session=session.id)

    async def _last_words(self, window: Window) -> int | None:
        """The exit code, once tmux has passed on all that the program said."""
        deadline, pause = time.monotonic() + END_SECONDS, LOOK_SECONDS
        while (found := await self.windows.find(window.uid)) is not None:
            if (found.dead and found.exit_code is not None) or time.monotonic() > deadline:
                return found.exit_code
            with suppress(ProcessLookupError, PermissionError):
                os.kill(window.server, signal.SIGCHLD)  # tmux 3.3 misses one now and then, and with it the code
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_LOOK_SECONDS)
        return None

    def stop(self) -> None:
        """Leave every window to tmux."""
        for uid in list(self._watched):
            self._unwatch(uid)
        self.tmux.close()


async def _pid_in(path: Path, seconds: float) -> int:
    """The pid that a process of ours writes down as its first act. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while True:
            with suppress(FileNotFoundError):
                said = await asyncio.to_thread(path.read_bytes)
                if said.endswith(b"\n"):
                    return int(said)
            await asyncio.sleep(LOOK_SECONDS)


def _brings(relay: int, folder: SessionFolder) -> bool:
    """Whether that process still is the relay of this session: pids are used again."""
    try:
        return Path(f"/proc/{relay}/fd/1").samefile(folder.path / PIPE)
    except OSError:
        return False


def _descriptors(folder: SessionFolder, relay: int) -> list[int]:
    """What ADOPT takes: the output's end, a pipe to splice through, the relay."""
    with ExitStack() as undo:
        output = os.open(folder.path / PIPE, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        undo.callback(os.close, output)
        pipe = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        for descriptor in pipe:
            undo.callback(os.close, descriptor)
        pidfd = os.pidfd_open(relay)
        undo.pop_all()
    return [output, *pipe, pidfd]


async def _open_gate(folder: SessionFolder) -> None:
    """Let the launcher start the program. Raises CreateFailed when that fails."""
    gate = os.open(folder.path / GATE, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    loop = asyncio.get_running_loop()
    closed = asyncio.Event()
    loop.add_reader(gate, closed.set)  # not before somebody has opened the other end, and said something or left
    try:
        await closed.wait()
        said = os.read(gate, os.fpathconf(gate, "PC_PIPE_BUF"))
    finally:
        loop.remove_reader(gate)
        os.close(gate)
    if said:
        failure: dict[str, Any] = json.loads(said)
        raise CreateFailed(str(failure["error"]), int(failure["errno"]))
    (folder.path / GATE).unlink(missing_ok=True)
