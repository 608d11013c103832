"""The service's side of the writer: keeps one running, hands it what comes in, says what became of it."""

from __future__ import annotations

import asyncio
import itertools
import socket
import sys
from collections.abc import Callable
from contextlib import suppress

import msgspec
import structlog

from gestalt_contracts.events import now, rfc3339
from gestalt_telemetry.refusals import WriterAway, WriterBehind
from gestalt_telemetry.store.wire import Done, Frames, SetAside, State, Write, framed, of_writer
from gestalt_telemetry.writer import Config

MOST_WAITING_BYTES = 32 * 1024 * 1024
"""Handed over and not answered yet: what comes beyond is told to come again."""

READ_BYTES = 256 * 1024
ANSWER_SECONDS = 30.0
READY_SECONDS = 1.0  # a writer is back in less
STOP_SECONDS = 2.0  # a writer that is told to end commits what it has
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 5.0

log = structlog.get_logger()


class WriterClient:
    """`run` keeps a writer; `write` gives it something. `state` is its last word, `heard` is called at each."""

    def __init__(self, config: Config, heard: Callable[[State], None]) -> None:
        self._config = config
        self._heard = heard
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Done]] = {}
        self._waiting_bytes = 0
        self._stream: asyncio.StreamWriter | None = None
        self.state: State | None = None
        self.ready = asyncio.Event()
        self.restarts = -1
        self._readied = 0  # writers that came so far as to say how the store is
        self.last_exit = ""
        self.pid = 0

    @property
    def backlog(self) -> int:
        """Bytes handed over and not answered yet."""
        return self._waiting_bytes

    async def write(self, write: Write) -> Done:
        """Store something; what became of it. Raises WriterAway, WriterBehind, TimeoutError."""
        stream = await self._ready_stream()
        size = len(write.body)
        if self._waiting and self._waiting_bytes + size > MOST_WAITING_BYTES:
            raise WriterBehind
        write.id = next(self._numbers)
        future: asyncio.Future[Done] = asyncio.get_running_loop().create_future()
        self._waiting[write.id] = future
        self._waiting_bytes += size
        try:
            stream.write(framed(write))
            async with asyncio.timeout(ANSWER_SECONDS):
                return await future
        finally:
            self._waiting.pop(write.id, None)
            self._waiting_bytes -= size

    async def _ready_stream(self) -> asyncio.StreamWriter:
        """The way to a writer that works: one that is being started again is waited for, not for long."""
        try:
            async with asyncio.timeout(READY_SECONDS):
                await self.ready.wait()
        except TimeoutError:
            raise WriterAway from None
        if self._stream is None or self._stream.is_closing():
            raise WriterAway
        return self._stream

    def report_damage(self, number: int, reason: str) -> None:
        """Have a segment set aside that cannot be read."""
        if self._stream is not None:
            self._stream.write(framed(SetAside(number, reason)))

    async def run(self) -> None:
        """Keep a writer, until cancelled; then let it commit what it has. One that was ready is replaced at once."""
        pause = FIRST_PAUSE
        while True:
            self.restarts += 1
            before = self._readied
            try:
                await self._live()
            except OSError as error:
                log.error("the writer cannot be started", reason=str(error))  # noqa: TRY400 - one line is enough
            pause = FIRST_PAUSE if self._readied > before else min(pause * 2, LONGEST_PAUSE)
            await asyncio.sleep(pause)

    async def _live(self) -> None:
        """One writer from its start to its end."""
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",
                "-m",
                "gestalt_telemetry.writer",
                str(theirs.fileno()),
                msgspec.json.encode(self._config).decode(),
                pass_fds=[theirs.fileno()],
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,  # ours is for one line to whoever started us
            )
        self.pid = process.pid
        reader, self._stream = await asyncio.open_connection(sock=ours, limit=READ_BYTES)
        try:
            await self._listen(reader)
        finally:
            self._let_go()
            await asyncio.shield(_ended(process))
        self.last_exit = f"{rfc3339(now().replace(microsecond=0))}: the writer ended with {process.returncode}"
        log.error("the writer ended and is started again", exit_code=process.returncode)

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        frames = Frames()
        while True:
            try:
                data = await reader.read(READ_BYTES)
            except ConnectionError:
                return
            if not data:
                return
            for frame in frames.feed(data):
                self._take(of_writer(frame))

    def _take(self, message: Done | State) -> None:
        if isinstance(message, State):
            self.state = message
            if not self.ready.is_set():
                self._readied += 1
                self.ready.set()
            self._heard(message)
            return
        future = self._waiting.get(message.id)
        if future is not None and not future.done():
            future.set_result(message)

    def _let_go(self) -> None:
        self.ready.clear()
        if self._stream is not None:
            self._stream.close()
            self._stream = None
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(WriterAway())


async def _ended(process: asyncio.subprocess.Process) -> None:
    """It ends by itself when our end closes; a hung one is killed."""
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
