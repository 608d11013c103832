"""`WS /ws/session/:id`: one viewer's WebSocket, straight on the transport.

Frames of output are the hot path of the whole service: they are written as header and chunk, without a copy and
without a task. Handshake, incoming frames, pings and closes are the `websockets` library's sans-IO protocol.
"""

from __future__ import annotations

import asyncio
import http
import struct
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, cast
from urllib.parse import unquote

import msgspec
import structlog
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from gestalt_contracts.auth import bearer_of, same_token
from gestalt_contracts.errors import InvalidRequest, Misdirected, NotFound
from gestalt_serving.event_socket import GOING_AWAY, STOPPING
from gestalt_session.alis import SUBPROTOCOL, AlisSink
from gestalt_session.attachment import Attachment, control_of
from gestalt_session.service import SessionService
from gestalt_session.snapshots import Snapshots
from gestalt_session.terminal.attaching import starting_point
from gestalt_session.terminal.keyboard import KeyboardClosed, KeyboardFull
from gestalt_session.terminal.session import Session
from gestalt_session.terminal.viewer import NOT_FOUND, TERMINAL_NOT_FOUND, Sink, Viewer

WRITE_MARK = 256 * 1024  # bytes a transport may hold before output waits: two chunks
INPUT_MARK = 256 * 1024  # bytes of keyboard a viewer may be ahead before its socket is not read
PING_SECONDS = 20.0
MISSED_PINGS = 2
CLOSE_SECONDS = 5.0  # how long a client has to answer a Close
HANDSHAKE_SECONDS = 5.0
POLICY = 1008
CONTROL = Subprotocol("gestalt.control")
ALIS = Subprotocol(SUBPROTOCOL)
LARGEST_FRAME = 1024 * 1024  # terminal input limit
_SMALL, _MEDIUM = 126, 1 << 16
_BINARY = 0x82

log = structlog.get_logger()


def binary_header(size: int) -> bytes:
    """The header of an unmasked, unfragmented binary frame."""
    if size < _SMALL:
        return bytes((_BINARY, size))
    if size < _MEDIUM:
        return struct.pack("!BBH", _BINARY, 126, size)
    return struct.pack("!BBQ", _BINARY, 127, size)


class ViewerSocket(asyncio.Protocol):
    """One connection, from its handshake on. It is the `Sink` of its viewer."""

    def __init__(self, service: SessionService, token: str, connections: set[Any]) -> None:
        self._service = service
        self._token = token
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._wire = ServerProtocol(select_subprotocol=_pick, max_size=LARGEST_FRAME)
        self._transport: asyncio.Transport
        self._session: Session | None = None
        self._viewer: Viewer | None = None
        self._wants_control = False
        self._paused = False
        self._deaf = False
        self._finished = False
        self._text: bool = False
        self._parts: list[bytes] = []
        self._pings = 0
        self._timer: asyncio.TimerHandle | None = None
        self._snapshots: Snapshots | None = None

    # -- the sink --------------------------------------------------------------------------------------------------

    @property
    def writable(self) -> bool:
        """Whether output may be given now."""
        return not self._paused and self._wire.state is State.OPEN

    def output(self, chunk: bytes) -> None:
        """One binary frame, past the library: it would copy the chunk."""
        header = binary_header(len(chunk))
        if len(chunk) < _MEDIUM:
            self._transport.write(header + chunk)
        else:
            self._transport.writelines((header, chunk))

    def control(self, message: dict[str, Any]) -> None:
        """One text frame, for who asked for them."""
        if self._wants_control and self._wire.state is State.OPEN:
            self._wire.send_text(msgspec.json.encode(message))
            self._flush()

    def finish(self, code: int, reason: str) -> None:
        """Close after everything given so far; cut a client that does not answer."""
        self._finished = True
        if self._wire.state is State.OPEN:
            self._wire.send_close(code, reason)
            self._flush()
            self._hear()  # its answer
            self._restart_timer(CLOSE_SECONDS, self._transport.abort)

    def shutdown(self) -> None:
        """The server stops."""
        if self._wire.state is State.OPEN:
            self.finish(GOING_AWAY, STOPPING)
        else:
            self._transport.close()

    # -- the transport ---------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The HTTP server hands over a connection that asked for an upgrade."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=WRITE_MARK)
        self._connections.add(self)
        self._restart_timer(HANDSHAKE_SECONDS, self._transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """Gone, by a Close or without."""
        del exc
        self._connections.discard(self)
        if self._timer is not None:
            self._timer.cancel()
        if self._snapshots is not None:
            self._snapshots.end()
        if self._session is not None and self._viewer is not None:
            said_goodbye = self._wire.close_rcvd is not None or self._wire.close_sent is not None
            self._session.detach(self._viewer, cut_off=not said_goodbye)

    def pause_writing(self) -> None:
        """The client is slower than its terminal."""
        self._paused = True

    def resume_writing(self) -> None:
        """It takes more."""
        self._paused = False
        if self._session is not None and self._viewer is not None:
            self._session.writable_again(self._viewer)

    def data_received(self, data: bytes) -> None:
        """Bytes of the handshake, or of frames."""
        self._wire.receive_data(data)
        for event in self._wire.events_received():
            if isinstance(event, Request):
                self._open(event)
            elif isinstance(event, Frame):
                self._take(event)
        self._flush()

    def eof_received(self) -> None:
        """The client will send no more."""
        self._wire.receive_eof()
        self._flush()

    def _flush(self) -> None:
        for data in self._wire.data_to_send():
            if data:
                self._transport.write(data)
            else:
                self._end()

    def _end(self) -> None:
        """Everything is said; what the client is still sending is read and dropped.

        Unread bytes would make the kernel reset the connection, and the reset would overtake our Close.
        """
        if self._transport.can_write_eof() and not self._transport.is_closing():
            self._transport.write_eof()
            self._restart_timer(CLOSE_SECONDS, self._transport.abort)
        else:
            self._transport.close()

    # -- the handshake ---------------------------------------------------------------------------------------------

    def _open(self, request: Request) -> None:
        refusal = self._refusal(request)
        if refusal is not None:
            self._wire.send_response(self._wire.reject(*refusal))
            return
        response = self._wire.accept(request)
        self._wire.send_response(response)
        self._flush()
        if response.status_code == http.HTTPStatus.SWITCHING_PROTOCOLS:
            self._attach(request)

    def _refusal(self, request: Request) -> tuple[http.HTTPStatus, str] | None:
        """What is refused before the upgrade, so that the gateway can act on it."""
        if not same_token(bearer_of(_only(request, "Authorization")), self._token):
            return http.HTTPStatus.UNAUTHORIZED, "unauthorized\n"
        try:
            self._session = self._find(request)
        except Misdirected as error:
            return http.HTTPStatus.MISDIRECTED_REQUEST, f"{error.message}\n"
        except (NotFound, InvalidRequest):
            self._session = None
        return None

    def _find(self, request: Request) -> Session:
        path = request.path.partition("?")[0]
        ref = unquote(path.removeprefix("/ws/session/"))
        return self._service.held(ref, _only(request, "X-Gestalt-Uid"))

    def _attach(self, request: Request) -> None:
        self._restart_timer(PING_SECONDS, self._ping)
        session = self._session
        if session is None:
            self.finish(NOT_FOUND, TERMINAL_NOT_FOUND)
            return
        if self._wire.subprotocol == ALIS:
            self._show_live(session)
            return
        wanted = Attachment.parse(request.path.partition("?")[2])
        self._wants_control = wanted.control or self._wire.subprotocol == CONTROL
        cursor = starting_point(session.journal, wanted.cursor, wanted.tail)
        viewer = self._viewer = self._viewer_at(cursor, self, readonly=wanted.readonly)
        ready = partial(self._ready, session, readonly=wanted.readonly)
        if wanted.snapshot:
            self._snapshots = Snapshots(self._service.screens, session, viewer, ready=ready, without=ready)
            self._snapshots.begin()
            return
        ready(cursor)
        session.attach(viewer)

    def _show_live(self, session: Session) -> None:
        """Serve an asciinema player: it has no words for where it begins, and none to say."""
        sink = AlisSink(self, age=max(0.0, time.time() - session.file.created_at))
        viewer = self._viewer = self._viewer_at(session.journal.end, sink, readonly=True)
        self._snapshots = Snapshots(
            self._service.screens,
            session,
            viewer,
            ready=lambda _: None,
            without=lambda _: sink.begin((session.file.cols, session.file.rows)),
        )
        self._snapshots.begin()

    def _viewer_at(self, cursor: int, sink: Sink, *, readonly: bool) -> Viewer:
        return Viewer(
            sink,
            cursor,
            readonly=readonly,
            now=self._loop.time(),
            window=self._service.rules.ack_window,
            hears=self._wants_control,
        )

    def _ready(self, session: Session, cursor: int, *, readonly: bool) -> None:
        size = {"cols": session.file.cols, "rows": session.file.rows}
        self.control({"type": "ready", "cursor": cursor, **size, "readonly": readonly})

    # -- what the client sends -------------------------------------------------------------------------------------

    def _take(self, frame: Frame) -> None:
        if frame.opcode is Opcode.PONG:
            self._pings = 0
        if frame.opcode in {Opcode.TEXT, Opcode.BINARY}:
            self._text, self._parts = frame.opcode is Opcode.TEXT, []
        if frame.opcode in {Opcode.TEXT, Opcode.BINARY, Opcode.CONT}:
            self._parts.append(bytes(frame.data))
            if frame.fin:
                self._message(b"".join(self._parts))

    def _message(self, data: bytes) -> None:
        if self._viewer is None or self._session is None or not data or self._finished:
            return  # what came before the client's own Close counts, in the same read too
        control = control_of(data) if self._text else None
        if control is not None and control.ack is not None:
            self._viewer.acknowledge(control.ack)
            self._session.writable_again(self._viewer)
        elif self._viewer.readonly:
            return
        elif control is None:
            self._type(self._viewer, data)
        elif control.size is not None:
            self._session.resized_by(self._viewer, *control.size)

    def _type(self, viewer: Viewer, data: bytes) -> None:
        if self._session is None or not self._session.live:
            return
        try:
            typed = self._session.typed_by(viewer, data)
        except KeyboardClosed:
            return
        except KeyboardFull:
            self.finish(POLICY, "input limit exceeded")
            return
        if typed is not None and not typed.done() and self._session.input_waiting > INPUT_MARK:
            self._deaf = True
            self._transport.pause_reading()
            typed.add_done_callback(lambda _: self._hear())

    def _hear(self) -> None:
        """Read on, if input had to wait."""
        if self._deaf and not self._transport.is_closing():
            self._deaf = False
            self._transport.resume_reading()

    # -- time ------------------------------------------------------------------------------------------------------

    def _ping(self) -> None:
        if self._wire.state is not State.OPEN:
            return
        if self._pings >= MISSED_PINGS:
            self._transport.abort()
            return
        self._pings += 0 if self._deaf else 1  # its answer is not read while its input has to wait
        self._wire.send_ping(b"")
        self._flush()
        self._restart_timer(PING_SECONDS, self._ping)

    def _restart_timer(self, seconds: float, act: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, act)


def _only(request: Request, name: str) -> str | None:
    """The value of a header; several are none, and never a session's uid."""
    values = request.headers.get_all(name)
    return ", ".join(values) if values else None


def _pick(_: ServerProtocol, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """The first that we speak; a client that offers only others is served without a subprotocol."""
    return next((name for name in offered if name in {CONTROL, ALIS}), None)
