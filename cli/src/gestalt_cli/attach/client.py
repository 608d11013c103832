"""The client: follows a session's output, sends what is typed, and comes back after every broken connection."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from typing import Any

from msgspec import Struct
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage, InvalidStatus

from gestalt_cli.api import Server, Unreachable
from gestalt_cli.attach import wire
from gestalt_cli.attach.keyboard import CHUNK, Keyboard, Size
from gestalt_cli.attach.keys import Scanner
from gestalt_cli.attach.replies import Replies, Sent
from gestalt_cli.attach.screen import Screen
from gestalt_cli.attach.terminal import Input, NobodyWatches, Output, make_raw, raw, size_of
from gestalt_cli.sessions import Summary, uid_of

STDIN, STDOUT, STDERR = 0, 1, 2
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0
TAIL_BYTES = 64 * 1024
"""What a pipe gets of the past: bytes of the program, where a terminal gets its screen."""
LEAVING = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT)
LAST_KEYS_SECONDS = 1.0
SIGNALLED = 128
BELL = b"\x07"
CANCEL = b"\x18"
CLEAR = b"\x1b[0m\x1b[H\x1b[2J"
TITLE, OLD_TITLE = b"\x1b[22;2t\x1b]2;%s\x07", b"\x1b[23;2t"
"""What is there is kept on the terminal's own stack meanwhile."""


class Wanted(Struct, frozen=True):
    """How to attach: the keys that detach, and whether to type at all."""

    keys: tuple[str, ...]
    readonly: bool = False


def attach(server: Server, session: Summary, wanted: Wanted) -> int:
    """Follow a session in this terminal until it ends or we leave; the exit code. Raises CommandFailed."""
    with raw(STDIN):
        return asyncio.run(_attach(server, session, wanted))


async def _attach(server: Server, session: Summary, wanted: Wanted) -> int:
    client = Client(server, session, wanted)
    try:
        return await client.run()
    except NobodyWatches:
        return SIGNALLED + signal.SIGPIPE
    finally:
        client.close()


class Client:
    """One attached terminal."""

    def __init__(self, server: Server, session: Summary, wanted: Wanted) -> None:
        self._server, self._wanted = server, wanted
        self._id, self._uid = str(session["id"]), uid_of(session)
        self._input, self._output = Input(STDIN), Output(STDOUT)
        self._draws = os.isatty(STDOUT)
        self._screen, self._keyboard, self._replies = Screen(), Keyboard(), Replies()
        self._place = wire.Place(snapshot=True) if self._draws else wire.Place(tail=TAIL_BYTES)
        self._leave: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._welcomed = self._connected = self._retitled = False
        self._redrawing = False
        """The next frame of output is a snapshot's: no bytes of the program."""
        self._exited: Any = None
        self._detached = False

    async def run(self) -> int:
        """Until the session ends or we leave; the exit code. Raises CommandFailed, NobodyWatches."""
        self._listen_to_signals()
        tasks = [asyncio.ensure_future(side) for side in (self._follow(), self._type(), self._left())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return next(task.result() for task in tasks if task in done)

    def close(self) -> None:
        """Put the terminal's modes back, and say that the session goes on if it does."""
        farewell = b""
        if self._draws and self._welcomed:
            cut = b"" if self._output.idle else CANCEL
            farewell = cut + self._untitled() + self._screen.undo() + b"\r\n"
            farewell += f"[detached from {self._id}]\r\n".encode() if self._detached else b""
        self._output.close(farewell)

    # -- signals

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in LEAVING:
            loop.add_signal_handler(number, self._end, SIGNALLED + number)
        loop.add_signal_handler(signal.SIGWINCH, self._resize)
        loop.add_signal_handler(signal.SIGCONT, self._back_in_front)

    def _end(self, code: int) -> None:
        if not self._leave.done():
            self._leave.set_result(code)

    async def _left(self) -> int:
        return await self._leave

    def _back_in_front(self) -> None:
        make_raw(STDIN)
        self._resize()

    def _resize(self) -> None:
        size = self._size()
        if size is not None:
            self._keyboard.resize(size)

    def _size(self) -> Size | None:
        return None if self._wanted.readonly else size_of(STDOUT) or size_of(STDIN)

    # -- what is typed

    async def _type(self) -> int:
        """Until the detach keys, or the end of a terminal. At the end of a pipe the output is followed on."""
        scanner, person = Scanner(self._wanted.keys), os.isatty(STDIN)
        while data := await self._input.read(CHUNK):
            keys, detached = scanner.feed(data) if person else (data, False)
            await self._pass_on(keys, person=person)
            if detached:
                return await self._detach()
        return SIGNALLED + signal.SIGHUP if person else await self._left()

    async def _detach(self) -> int:
        """Leave; what was typed before is sent first, if somebody takes it."""
        self._detached = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_KEYS_SECONDS if self._connected else 0):
                await self._keyboard.sent()
        return 0

    async def _pass_on(self, keys: bytes, *, person: bool) -> None:
        if self._wanted.readonly or not keys:
            return
        if self._keyboard.full and person and not self._connected:
            if self._output.idle and self._screen.at_rest:
                self._output.put(BELL)
            return
        await self._keyboard.room()
        for sent in self._replies.feed(keys) if person else (Sent(keys, reply=False),):
            self._keyboard.type(sent.data, alone=sent.reply)

    async def _send(self, connection: ClientConnection) -> None:
        while True:
            await connection.send(await self._keyboard.next())

    # -- what is shown

    async def _follow(self) -> int:
        """One connection after the other, until one ends for good."""
        pause = FIRST_PAUSE
        while True:
            code, reason = await self._visit()
            if code in wire.FINAL:
                await self._output.drain()
                return wire.ending(self._id, code, reason, self._exited)
            if not self._welcomed:
                raise Unreachable(f"cannot attach to {self._id!r} at {self._server.url}: {reason}")
            pause = FIRST_PAUSE if self._connected else min(2 * pause, LONGEST_PAUSE)
            if not self._connected:
                self._tell(f"{self._id}: connecting again to {self._server.url}")
            self._connected = False
            await asyncio.sleep(pause)

    async def _visit(self) -> tuple[int, str]:
        """One connection, as long as it lasts; its close code, 0 if there is none, and why. Raises CommandFailed."""
        url = wire.address(self._server, self._uid, self._place, readonly=self._wanted.readonly)
        try:
            async with connect(url, **wire.dialling(self._server)) as connection:
                return await self._converse(connection)
        except InvalidStatus as error:
            status = error.response.status_code
            if (refusal := wire.refusal(self._server, status)) is not None:
                raise refusal from None
            return 0, f"HTTP {status}"
        except (OSError, InvalidHandshake, InvalidMessage, ConnectionClosed, TimeoutError) as error:
            return 0, str(error) or "no answer"

    async def _converse(self, connection: ClientConnection) -> tuple[int, str]:
        sending = asyncio.ensure_future(self._send(connection))
        try:
            async for frame in connection:
                await (self._told(wire.word(frame)) if isinstance(frame, str) else self._show(frame))
        except ConnectionClosed:
            pass  # the code says it
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
        return connection.close_code or 0, connection.close_reason or "the connection broke"

    async def _show(self, data: bytes) -> None:
        cursor = self._place.cursor
        if cursor is not None and not self._redrawing:
            self._place = wire.Place(cursor + len(data))
        self._redrawing = False
        if self._draws:
            self._screen.saw(data)
        await self._output.write(data)

    async def _told(self, said: dict[str, Any]) -> None:
        match said.get("type"):
            case "ready":
                await self._ready(said)
            case "reset":
                self._place = wire.Place(int(said["base"]))
                await self._begin_anew()
            case "snapshot":
                self._place, self._redrawing = wire.Place(int(said["cursor"])), True
                await self._begin_anew()
            case "exit":
                self._exited = said.get("exit_code")

    async def _ready(self, said: dict[str, Any]) -> None:
        self._connected = True
        self._output.put(self._untitled())
        self._place = wire.Place(int(said["cursor"]))
        if not self._welcomed:
            self._welcomed = True
            await self._clear_a_page()
        self._resize()

    async def _clear_a_page(self) -> None:
        """A screen of its own for the session; what was there scrolls up and stays readable."""
        rows = (size_of(STDOUT) or (0, 0))[1]
        if self._draws:
            await self._output.write(b"\n" * rows + CLEAR)

    async def _begin_anew(self) -> None:
        """Output was lost: what is on the screen is no ground for what comes."""
        if self._draws and self._welcomed:
            await self._output.write((b"" if self._screen.at_rest else CANCEL) + CLEAR)

    # -- a word of ours, where it disturbs nothing

    def _tell(self, line: str) -> None:
        if self._draws and not self._retitled and self._output.idle and self._screen.at_rest:
            self._retitled = True
            self._output.put(TITLE % line.encode())
        elif not os.isatty(STDERR) and not self._retitled:
            self._retitled = True
            sys.stderr.write(f"{line}\n")

    def _untitled(self) -> bytes:
        """What takes our title away, if it is there."""
        was, self._retitled = self._retitled, False
        return OLD_TITLE if was and self._draws else b""
