"""The one worker that is connected: reading what it asks, and telling it without ever waiting for it."""

import socket
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from gestalt_ptyhost import wire
from gestalt_ptyhost.ledger import INLINE, Owed
from gestalt_ptyhost.log import log
from gestalt_ptyhost.session import Session
from gestalt_ptyhost.wire import Kind

REPLIES: Final = 1024
"""Answers kept for a worker that does not read; one that asks on without reading is not worth listening to."""


class Worker:
    """A connection. `lost` is set when it is of no further use; nothing here raises for that."""

    def __init__(self, sock: socket.socket, wants_room: Callable[[bool], None]) -> None:
        """`wants_room(True)` asks for a call of `room` when the socket takes more, `False` takes that back."""
        self._sock = sock
        self._wants_room = wants_room
        self._blocked = False
        self._replies: list[Callable[[], None]] = []
        self._owing: dict[Session, None] = {}
        self.lost = False

    def fileno(self) -> int:
        """The socket's descriptor."""
        return self._sock.fileno()

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()

    def receive(self) -> tuple[wire.Message, list[int]] | None:
        """The next message and its descriptors, None when there is none now."""
        try:
            received = wire.receive(self._sock)
        except BlockingIOError:
            return None
        except (wire.WireError, OSError) as error:
            self.fail(error)
            return None
        self.lost = self.lost or received is None
        return received

    def fail(self, error: Exception) -> None:
        """End the connection for a reason."""
        log("the connection to the worker ends", error=str(error))
        self.lost = True

    def reply(self, kind: Kind, body: dict[str, Any], session: int = 0) -> None:
        """Answer a request with a JSON object."""
        self._reply(partial(wire.send_json, self._sock, kind, body, session))

    def pong(self, token: int) -> None:
        """Answer a PING."""
        self._reply(partial(wire.send, self._sock, wire.pack(Kind.PONG, 0, token)))

    def tell(self, session: Session) -> None:
        """Let it know whatever it does not know of a session."""
        if self._blocked or not self._settle(session):
            self._owing[session] = None

    def tell_bytes(self, session: Session, start: int, lost: bytes) -> None:
        """Tell of the bytes from `start` on that were just read, the `lost` last of which are in no journal.

        Few bytes go along themselves, so that an echo costs the worker no look into the journal.
        """
        if lost:
            self._tell_lost(session, lost)
        if self._blocked or not self._settle(session, start):
            self._owing[session] = None

    def forget(self, session: Session) -> None:
        """Owe it nothing more about a session."""
        self._owing.pop(session, None)

    def room(self) -> None:
        """The socket takes more: send what is owed until all is sent or it is full again."""
        self._block(on=False)
        while self._replies and self._attempt(self._replies[0]):
            self._replies.pop(0)
        while self._owing and not self._blocked:
            session = next(iter(self._owing))
            if not self._settle(session):
                return
            del self._owing[session]

    def _reply(self, send: Callable[[], None]) -> None:
        if self._blocked or not self._attempt(send):
            self._replies.append(send)
            self.lost = self.lost or len(self._replies) > REPLIES

    def _settle(self, session: Session, since: int | None = None) -> bool:
        """Send all that is owed of a session; False when the socket has no room for it.

        Bytes after `since` were just written; they go along if they are few.
        """
        while (owed := session.ledger.next(session.state)) is not None:
            if owed.kind == Kind.END and since is not None and owed.offset - since <= INLINE:
                data = session.journal.read(since, owed.offset - since)
                sent, since = self._send_bytes(session, since, data), None
            else:
                sent = self._attempt(partial(self._send, session, owed))
                if sent:
                    session.ledger.told(owed, session.state)
            if not sent:
                return False
        return True

    def _tell_lost(self, session: Session, lost: bytes) -> None:
        """Give bytes that cannot be looked up later to viewers who are there now, if they are few."""
        start = session.journal.end - len(lost)
        known = session.ledger.current(session.state)
        session.ledger.lost(start, len(lost), session.journal.base)
        if known and len(lost) <= INLINE and not self._blocked:
            self._send_bytes(session, start, lost)

    def _send_bytes(self, session: Session, start: int, data: bytes) -> bool:
        datagram = wire.pack(Kind.DATA, session.number, start, data)
        if not self._attempt(partial(self._sock.send, datagram)):
            return False
        session.ledger.reached(start + len(data))
        return True

    def _send(self, session: Session, owed: Owed) -> None:
        match owed.kind:
            case Kind.END:
                wire.send(self._sock, wire.pack(Kind.END, session.number, owed.offset))
            case Kind.SESSION | Kind.CREATED:
                fds = session.terminal.fds if session.terminal else ()
                wire.send_json(self._sock, owed.kind, session.body(owed), session.number, owed.offset, fds)
            case _:
                wire.send_json(self._sock, owed.kind, session.body(owed), session.number, owed.offset)

    def _attempt(self, send: Callable[[], object]) -> bool:
        """Whether it was sent, or need not be any more; False when it has to wait for room."""
        if self.lost:
            return True
        try:
            send()
        except BlockingIOError:
            self._block(on=True)
            return False
        except OSError as error:
            self.fail(error)
        return True

    def _block(self, *, on: bool) -> None:
        if self._blocked != on:
            self._blocked = on
            self._wants_room(on)
