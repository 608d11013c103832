"""A worker's screen process, seen from the worker: started ahead, asked, ended on a deadline, started again.

Nothing waits for it but who wants a screen: output, input and viewers never do.
"""

from __future__ import annotations

import asyncio
import importlib.util
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

import structlog

from gestalt_session.screen.script import bundle_path
from gestalt_session.screen.wire import (
    Failed,
    Forget,
    Framer,
    Request,
    Show,
    Shown,
    Written,
    answer_of,
    framed,
)

ANSWER_SECONDS = 5.0
"""A process that does not answer in that time hangs, and is ended."""

NOTICE_SECONDS = 0.1
"""How long news of output are gathered before it is woken."""

MOST_OWED = 64 * 1024
"""Bytes of news that wait for a process that does not read."""

FIRST_DELAY, LONGEST_DELAY = 0.1, 5.0
STEADY_SECONDS = 1.0  # one that ran as long is started again without delay
RECEIVE = 256 * 1024
END_SECONDS = 2.0

log = structlog.get_logger()


class ScreenUnavailable(Exception):
    """Nobody can say what the terminal shows."""


class Screens:
    """What the terminals of one worker show."""

    def __init__(self, sessions: Path, *, wanted: bool = True) -> None:
        self._sessions = sessions
        self._wanted = wanted
        self.available = wanted and bundle_path().is_file() and importlib.util.find_spec("py_mini_racer") is not None
        self._link: asyncio.StreamWriter | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._asked: dict[int, tuple[asyncio.Future[Shown], asyncio.TimerHandle]] = {}
        self._early: list[Request] = []
        self._known: dict[str, int] = {}
        self._written: dict[str, int] = {}
        self._notice: asyncio.TimerHandle | None = None
        self._requests = 0

    @property
    def pid(self) -> int | None:
        """The process that runs now."""
        return self._process.pid if self._process is not None else None

    def written(self, uid: str, end: int) -> None:
        """A session's output reaches to `end`."""
        if not self.available or self._known.get(uid) == end:
            return
        self._known[uid] = self._written[uid] = end
        if self._notice is None:
            self._notice = asyncio.get_running_loop().call_later(NOTICE_SECONDS, self._tell)

    def forget(self, uid: str) -> None:
        """A session is off the list."""
        self._written.pop(uid, None)
        self._known.pop(uid, None)
        self._send(Forget(uid))

    def show(self, uid: str, end: int, *, limit: int = 0, lines: bool = False) -> asyncio.Future[Shown]:
        """What a terminal shows once its output up to `end` is looked at; outside a flood that is at `end`.

        The future raises ScreenUnavailable, at the latest after ANSWER_SECONDS.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Shown] = loop.create_future()
        if not self.available:
            future.set_exception(ScreenUnavailable("terminals have no screens here"))
            return future
        self._requests += 1
        number = self._requests
        self._asked[number] = (future, loop.call_later(ANSWER_SECONDS, self._overdue, number))
        wanted = Show(number, uid, end, limit, lines)
        if self._link is None:
            self._early.append(wanted)
        else:
            self._send(wanted)
        return future

    async def run_forever(self) -> None:
        """Keep a process running. Cancelled, it ends it."""
        if self._wanted and not self.available:
            log.warning("terminals have no screens: no script or no mini-racer; `make setup` with Node brings both")
        if not self.available:
            return
        delay = FIRST_DELAY
        while True:
            begun = time.monotonic()
            try:
                await self._run()
            except Exception:
                log.exception("the screen process failed")
            steady = time.monotonic() - begun >= STEADY_SECONDS
            delay = FIRST_DELAY if steady else min(2 * delay, LONGEST_DELAY)
            await asyncio.sleep(delay)

    async def _run(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-m", "gestalt_session.screen", str(self._sessions)),
                env={},
                stdin=theirs.fileno(),
                stdout=asyncio.subprocess.DEVNULL,
                start_new_session=True,
            )
        self._process = process
        reader, self._link = await asyncio.open_connection(sock=ours)
        try:
            self._send_early()
            await self._listen(reader)
        finally:
            await self._end(process)

    def _send_early(self) -> None:
        early, self._early = self._early, []
        for message in early:
            self._send(message)

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        framer = Framer()
        with suppress(ConnectionError):  # it was killed: an end as any other
            while data := await reader.read(RECEIVE):
                for frame in framer.feed(data):
                    self._answered(answer_of(frame))
        log.warning("the screen process ended")

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        """It ends by itself once nobody listens; a hung one is killed."""
        link, self._link, self._process = self._link, None, None
        if link is not None:
            link.close()
        self._fail_all()
        try:
            async with asyncio.timeout(END_SECONDS):
                await process.wait()
        except TimeoutError:
            _kill(process)
            await process.wait()

    def _answered(self, answer: Shown | Failed) -> None:
        future, timer = self._asked.pop(answer.request, (None, None))
        if timer is not None:
            timer.cancel()
        if future is None or future.done():
            return
        if isinstance(answer, Shown):
            future.set_result(answer)
        else:
            future.set_exception(ScreenUnavailable(answer.reason))

    def _overdue(self, number: int) -> None:
        """It hangs, or never came up."""
        self._fail(number, "the screen process did not answer in time")
        if self._process is not None and self._process.returncode is None:
            log.warning("the screen process does not answer and is ended")
            _kill(self._process)

    def _fail_all(self) -> None:
        for number in list(self._asked):
            self._fail(number, "the screen process ended")

    def _fail(self, number: int, reason: str) -> None:
        future, timer = self._asked.pop(number)
        timer.cancel()
        self._early = [message for message in self._early if not _is(message, number)]
        if not future.done():
            future.set_exception(ScreenUnavailable(reason))

    def _tell(self) -> None:
        self._notice = None
        if self._link is None:
            return  # whoever is asked for comes with its end
        if self._link.transport.get_write_buffer_size() > MOST_OWED:
            self._notice = asyncio.get_running_loop().call_later(NOTICE_SECONDS, self._tell)
            return  # it does not read: what it is owed stays one end for each session
        written, self._written = self._written, {}
        for uid, end in written.items():
            self._send(Written(uid, end))

    def _send(self, message: Request) -> None:
        if self._link is not None:
            self._link.write(framed(message))


def _kill(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.kill()


def _is(message: Request, number: int) -> bool:
    return isinstance(message, Show) and message.request == number
