"""The worker's connection to one pty host: the client side of the frozen wire (gestalt_ptyhost.wire)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gestalt_ptyhost import wire
from gestalt_ptyhost.wire import Kind, Message
from gestalt_session.terminal.host_listener import HostListener
from gestalt_session.terminal.pacing import Limit

CONNECT_SECONDS = 2.0
CREATE_SECONDS = 10.0  # an overloaded machine forks slowly; a hung host is killed by the ping long before
DATAGRAMS_PER_TURN = 64  # then the loop looks at everything else
OUTBOX = 4_096  # datagrams owed to a host that does not read; beyond it the host counts as hung
LONGEST_SOCKET_PATH = 107  # sun_path, less its closing NUL


class HostGone(Exception):
    """The connection has ended: the host is dead, or was declared so."""


class CreateFailed(Exception):
    """The host could not start the program; the message says why, for people, and `errno`, 0 when unknown."""

    def __init__(self, message: str, errno: int = 0) -> None:
        super().__init__(message)
        self.errno = errno


@dataclass
class Held:
    """A terminal as the host describes it: at the handshake, or as the answer to CREATE."""

    number: int
    offset: int
    facts: dict[str, Any]
    descriptors: list[int] = field(default_factory=list)


class PtyHost:
    """One connected host. `numbers` are the sessions it reported at the handshake."""

    def __init__(self, sock: socket.socket, path: Path, hello: Message, held: list[Held]) -> None:
        facts = wire.json_of(hello)
        self.path = path
        self.version = str(facts["version"])
        self.pid = int(facts["pid"])  # not the peer's: that is who called listen, before the host left its tree
        self.held = held
        self._socket = sock
        self._loop = asyncio.get_running_loop()
        self._listener: HostListener | None = None
        self._outbox: deque[tuple[bytes, list[int]]] = deque()
        self._creating: dict[int, asyncio.Future[Held]] = {}
        self._ponged = asyncio.Event()
        self.retiring = bool(facts.get("retiring"))
        self.gone = False

    def start(self, listener: HostListener) -> None:
        """Begin to read. What arrives from now on goes to `listener`."""
        self._listener = listener
        self._loop.add_reader(self._socket, self._on_readable)

    async def create(self, number: int, order: dict[str, Any]) -> Held:
        """Start a program. Raises CreateFailed, HostGone, TimeoutError."""
        return await self._answer(number, lambda: self._send_json(Kind.CREATE, order, number))

    async def take(self, number: int, end: int, order: dict[str, Any], descriptors: list[int]) -> None:
        """Give it a terminal that somebody else opened, and wait until it reads it. Raises as `create` does."""
        await self._answer(number, lambda: self.adopt(number, end, order, descriptors))

    async def _answer(self, number: int, ask: Callable[[], None]) -> Held:
        future: asyncio.Future[Held] = self._loop.create_future()
        self._creating[number] = future
        try:
            ask()
            async with asyncio.timeout(CREATE_SECONDS):
                return await future
        finally:
            self._creating.pop(number, None)

    def adopt(self, number: int, end: int, order: dict[str, Any], descriptors: list[int]) -> None:
        """Hand over a terminal whose host has died. `end` is what it told last: offsets never go back behind it."""
        self._send(wire.pack_json(Kind.ADOPT, order, number, end), descriptors)

    def limit(self, number: int, limit: Limit | None) -> None:
        """Read one terminal up to a limit, so that its program waits there; None: on and on."""
        if limit is None:
            self._send(wire.pack(Kind.RESUME, number))
        else:
            self._send(wire.pack_json(Kind.LIMIT, {"lost": limit.lost, "viewers": limit.viewers}, number, limit.offset))

    def forget(self, number: int) -> None:
        """The end of this session has been noted."""
        self._send(wire.pack(Kind.FORGET, number))

    def cap(self, number: int, size: int) -> None:
        """Keep at most `size` bytes of this session's journal from now on."""
        self._send(wire.pack_json(Kind.CAP, {"cap": size}, number))

    def retire(self) -> None:
        """Take no new sessions; end when empty."""
        self.retiring = True
        self._send(wire.pack(Kind.RETIRE))

    async def answers(self, seconds: float) -> bool:
        """Whether the host still answers; a stopped or hung one does not."""
        self._ponged.clear()
        self._send(wire.pack(Kind.PING))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ponged.wait()
        return self._ponged.is_set()

    def close(self) -> None:
        """Leave the host; its programs go on."""
        if self.gone:
            return
        self.gone = True
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        self._socket.close()
        self._fail_creations()

    def _fail_creations(self) -> None:
        for future in self._creating.values():
            if not future.done():
                future.set_exception(HostGone(f"the pty host at {self.path.name} has gone"))

    def _on_readable(self) -> None:
        for _ in range(DATAGRAMS_PER_TURN):
            try:
                received = wire.receive(self._socket)
            except BlockingIOError:
                return
            except (OSError, wire.WireError):
                received = None
            if received is None:
                self._lost()
                return
            self._dispatch(*received)
            if self.gone or received[0].kind == Kind.DATA:
                return  # an echo: nothing follows it yet, and asking would hold up whom it has woken

    def _dispatch(self, message: Message, descriptors: list[int]) -> None:
        handler = _HANDLERS.get(message.kind)
        if handler is None:
            wire.close_all(descriptors)  # a newer host's word that this worker does not know
            return
        handler(self, message, descriptors)

    def _lost(self) -> None:
        if self.gone:
            return
        self.close()
        if self._listener is not None:
            self._listener.on_host_gone(self)

    @property
    def _told(self) -> HostListener:
        if self._listener is None:
            raise RuntimeError("the host spoke before it was started")
        return self._listener

    def _on_data(self, message: Message, _: list[int]) -> None:
        self._told.on_data(message.session, message.offset, message.payload)

    def _on_end(self, message: Message, _: list[int]) -> None:
        self._told.on_end(message.session, message.offset)

    def _on_created(self, message: Message, descriptors: list[int]) -> None:
        held = Held(message.session, message.offset, wire.json_of(message), descriptors)
        future = self._creating.get(message.session)
        if future is None or future.done():
            self._told.on_unclaimed(self, held)
        else:
            future.set_result(held)

    def _on_failed(self, message: Message, _: list[int]) -> None:
        said = wire.json_of(message)
        refusal = CreateFailed(str(said.get("error", "unknown")), int(said.get("errno", 0)))
        future = self._creating.get(message.session)
        if future is None:
            self._told.on_not_adopted(self, message.session, refusal)
        elif not future.done():
            future.set_exception(refusal)

    def _on_session(self, message: Message, descriptors: list[int]) -> None:
        """After an ADOPT the host describes the terminal again; the worker has its descriptors already."""
        wire.close_all(descriptors)
        if (taken := self._creating.get(message.session)) is not None and not taken.done():
            taken.set_result(Held(message.session, message.offset, {}))
        self._told.on_adopted(message.session, message.offset)

    def _on_segment(self, message: Message, _: list[int]) -> None:
        self._told.on_segment(message.session, message.offset, int(wire.json_of(message)["base"]))

    def _on_hole(self, message: Message, _: list[int]) -> None:
        self._told.on_hole(message.session, message.offset, int(wire.json_of(message)["length"]))

    def _on_exit(self, message: Message, _: list[int]) -> None:
        self._told.on_exit(message.session, wire.json_of(message).get("exit_code"), message.offset)

    def _on_pong(self, _message: Message, _: list[int]) -> None:
        self._ponged.set()

    # -- writing ---------------------------------------------------------------------------------------------------

    def _send_json(self, kind: Kind, body: dict[str, Any], number: int) -> None:
        """CREATE may be large: it travels in a memfd then, which needs the socket writable at once."""
        if self.gone:
            raise HostGone(f"the pty host at {self.path.name} has gone")
        try:
            wire.send_json(self._socket, kind, body, number)
        except (BlockingIOError, OSError) as error:
            raise HostGone(f"the pty host at {self.path.name} does not take orders: {error}") from error

    def _send(self, datagram: bytes, descriptors: list[int] | None = None) -> None:
        if self.gone:
            return  # what a dead host missed is told to its successor as a whole
        self._outbox.append((datagram, descriptors or []))
        self._flush()

    def _flush(self) -> None:
        while self._outbox:
            try:
                wire.send(self._socket, *self._outbox[0])
            except BlockingIOError:
                self._wait_for_room()
                return
            except OSError:
                self._outbox.clear()  # the end of the connection is about to be read
                return
            self._outbox.popleft()
        self._loop.remove_writer(self._socket)

    def _wait_for_room(self) -> None:
        if len(self._outbox) > OUTBOX:
            self._loop.call_soon(self._lost)
            return
        self._loop.add_writer(self._socket, self._flush)


_HANDLERS: dict[int, Callable[[PtyHost, Message, list[int]], None]] = {
    Kind.DATA: PtyHost._on_data,  # noqa: SLF001 - the table is part of the class
    Kind.END: PtyHost._on_end,  # noqa: SLF001
    Kind.CREATED: PtyHost._on_created,  # noqa: SLF001
    Kind.FAILED: PtyHost._on_failed,  # noqa: SLF001
    Kind.SESSION: PtyHost._on_session,  # noqa: SLF001
    Kind.SEGMENT: PtyHost._on_segment,  # noqa: SLF001
    Kind.HOLE: PtyHost._on_hole,  # noqa: SLF001
    Kind.EXIT: PtyHost._on_exit,  # noqa: SLF001
    Kind.PONG: PtyHost._on_pong,  # noqa: SLF001
}


async def connect(path: Path) -> PtyHost:
    """Connect to the host that listens at `path` and learn what it holds.

    Raises ConnectionError, FileNotFoundError or TimeoutError when nobody (in time) answers there.
    """
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
    sock.setblocking(False)
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            _connect(sock, path)
            hello, held = await _handshake(sock)
        return PtyHost(sock, path, hello, held)
    except BaseException:
        sock.close()
        raise


def _connect(sock: socket.socket, path: Path) -> None:
    """A local connect never blocks: it succeeds, or the backlog is full, which a live host empties at once."""
    if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
        sock.connect(str(path))
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        sock.connect(f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)


async def _handshake(sock: socket.socket) -> tuple[Message, list[Held]]:
    hello, _ = await _next(sock)
    if hello.kind != Kind.HELLO:
        raise ConnectionError(f"a pty host began with message {hello.kind}, not HELLO")
    held: list[Held] = []
    try:
        for _ in wire.json_of(hello)["sessions"]:
            message, descriptors = await _next(sock)
            held.append(Held(message.session, message.offset, wire.json_of(message), descriptors))
    except BaseException:
        for session in held:
            wire.close_all(session.descriptors)
        raise
    return hello, held


async def _next(sock: socket.socket) -> tuple[Message, list[int]]:
    received = None
    with contextlib.suppress(BlockingIOError):
        received = wire.receive(sock)
    if received is None:
        await _readable(sock)
        received = wire.receive(sock)
    if received is None:
        raise ConnectionError("the pty host hung up in the handshake")
    return received


async def _readable(sock: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(sock, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(sock)
