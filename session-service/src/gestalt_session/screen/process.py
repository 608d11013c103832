"""A worker's screen process, seen from the worker: started ahead, asked, ended on a deadline, started again.

Nothing waits for it but who wants a screen: output, input and viewers never do.
"""

from __future__ import annotations

import asyncio
import importlib.util
import socket
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from gestalt_session.screen.script import bundle_path
from gestalt_session.screen.wire import (
    Answer,
    Answered,
    Ask,
    Failed,
    Forget,
    Framer,
    Ready,
    Request,
    Show,
    Shown,
    Word,
    Written,
    framed,
    word_of,
)

ANSWER_SECONDS = 5.0
"""A process that does not answer in that time hangs, and is ended."""

QUESTION_SECONDS = 2.0
"""How long a program's question waits for one that says nothing meanwhile; ANSWER_SECONDS where it does."""

START_SECONDS = 4.0
"""And for one that is being started."""

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


@dataclass(eq=False)
class _Asked:
    """What was asked. A question of a program outlives the process that was asked."""

    message: Show | Ask
    future: asyncio.Future[Any]
    timer: asyncio.TimerHandle
    since: float
    deaths: int = 0


class Screens:
    """What the terminals of one worker show."""

    def __init__(self, sessions: Path, *, wanted: bool = True) -> None:
        self._sessions = sessions
        self._wanted = wanted
        self.available = wanted and bundle_path().is_file() and importlib.util.find_spec("py_mini_racer") is not None
        self._link: asyncio.StreamWriter | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._asked: dict[int, _Asked] = {}
        self._heard_at = 0.0
        self._up = self._failing = False
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
        return self._request(lambda number: Show(number, uid, end, limit, lines), ANSWER_SECONDS)

    def ask(self, uid: str, end: int, question: bytes) -> asyncio.Future[bytes]:
        """What a terminal answers to a question that ends at `end`: nothing to one that it does not know.

        In a flood it is answered for where the screen has got to. The future raises ScreenUnavailable, at once where
        there are no screens, and QUESTION_SECONDS after a process was asked.
        """
        if self._failing and not self._up:
            return self._refused("the screen process does not come up")
        seconds = QUESTION_SECONDS if self._up else START_SECONDS
        return self._request(lambda number: Ask(number, uid, end, question), seconds)

    def _request(self, message: Callable[[int], Show | Ask], seconds: float) -> asyncio.Future[Any]:
        if not self.available:
            return self._refused("terminals have no screens here")
        loop = asyncio.get_running_loop()
        self._requests += 1
        number = self._requests
        if not self._asked:
            self._heard_at = loop.time()
        timer = loop.call_later(seconds, self._overdue, number)
        self._asked[number] = asked = _Asked(message(number), loop.create_future(), timer, loop.time())
        self._send(asked.message)
        return asked.future

    def _refused(self, reason: str) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        future.set_exception(ScreenUnavailable(reason))
        return future

    async def run_forever(self) -> None:
        """Keep a process running. Cancelled, it ends it."""
        if self._wanted and not self.available:
            log.warning("terminals have no screens: no script or no mini-racer; `make setup` with Node brings both")
        if not self.available:
            return
        try:
            await self._keep_running()
        finally:
            for number in list(self._asked):
                self._fail(number, "the worker stops")

    async def _keep_running(self) -> None:
        delay = FIRST_DELAY
        while True:
            begun = time.monotonic()
            try:
                await self._run()
            except Exception:
                log.exception("the screen process failed")
            steady = time.monotonic() - begun >= STEADY_SECONDS
            self._ended()
            delay = FIRST_DELAY if steady else min(2 * delay, LONGEST_DELAY)
            await asyncio.sleep(delay)

    async def _run(self) -> None:
        ours, theirs = socket.socketpair()
        with ExitStack() as unless_started, theirs:
            unless_started.callback(ours.close)
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-m", "gestalt_session.screen", str(self._sessions)),
                env={},
                stdin=theirs.fileno(),
                stdout=asyncio.subprocess.DEVNULL,
                start_new_session=True,
            )
            unless_started.pop_all()
        self._process = process
        reader, self._link = await asyncio.open_connection(sock=ours)
        try:
            self._ask_again()
            await self._listen(reader)
        finally:
            await self._end(process)

    def _ask_again(self) -> None:
        """What was asked before it was there."""
        for asked in self._asked.values():
            self._send(asked.message)

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        framer = Framer()
        with suppress(ConnectionError):  # it was killed: an end as any other
            while data := await reader.read(RECEIVE):
                for frame in framer.feed(data):
                    self._hear(word_of(frame))
        log.warning("the screen process ended")

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        """It ends by itself once nobody listens; a hung one is killed."""
        link, self._link, self._process = self._link, None, None
        self._up, self._failing = False, not self._up
        if link is not None:
            link.close()
        try:
            async with asyncio.timeout(END_SECONDS):
                await process.wait()
        except TimeoutError:
            _kill(process)
            await process.wait()

    def _hear(self, word: Word) -> None:
        self._heard_at = asyncio.get_running_loop().time()
        if isinstance(word, Ready):
            self._up = True
        else:
            self._answered(word)

    def _answered(self, answer: Answer) -> None:
        asked = self._asked.pop(answer.request, None)
        if asked is None:
            return
        asked.timer.cancel()
        if asked.future.done():
            return
        if isinstance(answer, Failed):
            asked.future.set_exception(ScreenUnavailable(answer.reason))
        else:
            asked.future.set_result(answer.answer if isinstance(answer, Answered) else answer)

    def _overdue(self, number: int) -> None:
        """It hangs, or never came up, or there is much to do: while it answers others, a question waits on."""
        loop = asyncio.get_running_loop()
        asked = self._asked[number]
        silent = loop.time() - self._heard_at
        if self._up and silent < QUESTION_SECONDS and loop.time() - asked.since < ANSWER_SECONDS:
            asked.timer = loop.call_later(QUESTION_SECONDS - silent, self._overdue, number)
            return
        self._fail(number, "the screen process did not answer in time")
        if silent >= ANSWER_SECONDS and self._process is not None and self._process.returncode is None:
            log.warning("the screen process does not answer and is ended")
            _kill(self._process)

    def _ended(self) -> None:
        """Who waits for a screen asks again if it likes; a question is asked once more, of the next process."""
        for number, asked in list(self._asked.items()):
            asked.deaths += 1
            if isinstance(asked.message, Show) or asked.deaths > 1:
                self._fail(number, "the screen process ended")
            else:
                asked.timer.cancel()
                asked.timer = asyncio.get_running_loop().call_later(START_SECONDS, self._overdue, number)

    def _fail(self, number: int, reason: str) -> None:
        asked = self._asked.pop(number)
        asked.timer.cancel()
        if not asked.future.done():
            asked.future.set_exception(ScreenUnavailable(reason))

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
