"""What a worker may ask of the host, one function a message."""

import errno
from collections.abc import Callable
from typing import Final

from gestalt_ptyhost import wire
from gestalt_ptyhost.reading import Reading
from gestalt_ptyhost.requests import Refused, adoption_of, cap_of, creation_of, loss_of
from gestalt_ptyhost.sessions import Sessions
from gestalt_ptyhost.wire import Kind, Message, WireError
from gestalt_ptyhost.worker import Worker

MAX_ERROR: Final = 1024
"""Characters of an error told: it may quote the request, which may be long."""


class Commands:
    """Carries out messages. `retiring`: no new sessions, and the end once it is empty."""

    def __init__(self, sessions: Sessions, reading: Reading) -> None:
        self._sessions = sessions
        self._reading = reading
        self.retiring = False
        self._table: dict[int, Callable[[Worker, Message], None]] = {
            Kind.CREATE: self._create,
            Kind.LIMIT: self._limit,
            Kind.RESUME: self._resume,
            Kind.FORGET: self._forget,
            Kind.CAP: self._cap,
            Kind.RETIRE: self._retire,
            Kind.PING: self._ping,
        }

    def obey(self, worker: Worker, message: Message, fds: list[int]) -> None:
        """Carry one message out; kinds that are not known are ignored. The descriptors are taken or closed."""
        try:
            if message.kind == Kind.ADOPT:
                self._adopt(worker, message, fds)
            elif message.kind in self._table:
                self._table[message.kind](worker, message)
        except WireError as error:
            worker.fail(error)
        except Refused as refusal:
            _refuse(worker, message, refusal.error, refusal.number)
        except OSError as error:
            _refuse(worker, message, f"{error.filename or 'pty host'}: {error.strerror}", error.errno or errno.EIO)
        finally:
            wire.close_all(fds)

    def _create(self, worker: Worker, message: Message) -> None:
        if self.retiring:
            raise Refused("this pty host is retiring", errno.ESHUTDOWN)
        session = self._sessions.create(message.session, creation_of(wire.json_of(message)))
        worker.tell(session)
        self._reading.ready(session)

    def _adopt(self, worker: Worker, message: Message, fds: list[int]) -> None:
        adoption = adoption_of(wire.json_of(message), message.offset)
        session = self._sessions.adopt(message.session, adoption, fds)
        fds.clear()
        worker.tell(session)
        self._reading.ready(session)

    def _limit(self, _worker: Worker, message: Message) -> None:
        if session := self._sessions.get(message.session):
            self._reading.limit(session, message.offset, loss_of(wire.json_of(message)))

    def _resume(self, _worker: Worker, message: Message) -> None:
        if session := self._sessions.get(message.session):
            self._reading.lift_limit(session)

    def _forget(self, worker: Worker, message: Message) -> None:
        if session := self._sessions.forget(message.session):
            worker.forget(session)

    def _cap(self, worker: Worker, message: Message) -> None:
        cap = cap_of(wire.json_of(message))
        if session := self._sessions.get(message.session):
            session.journal.limit(cap)
            worker.tell(session)

    def _retire(self, _worker: Worker, _message: Message) -> None:
        self.retiring = True

    def _ping(self, worker: Worker, message: Message) -> None:
        worker.pong(message.offset)


def _refuse(worker: Worker, message: Message, error: str, number: int) -> None:
    """Answer a request that was refused; messages that expect no answer get none."""
    if message.kind in {Kind.CREATE, Kind.ADOPT}:
        worker.reply(Kind.FAILED, {"error": error[:MAX_ERROR], "errno": number}, message.session)


def greet(worker: Worker, sessions: Sessions, *, version: str, pid: int, retiring: bool) -> None:
    """The first words on a connection: who this is, then every session with its descriptors."""
    hello = {"wire": wire.VERSION, "version": version, "pid": pid, "sessions": sessions.numbers, "retiring": retiring}
    worker.reply(Kind.HELLO, hello)
    for session in sessions:
        session.greet_anew()
        worker.tell(session)
