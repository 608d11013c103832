"""All sessions of this host, by number and by the descriptors that announce their events."""

import errno
import os
import select
from collections.abc import Iterator, Sequence

from gestalt_ptyhost.exits import write_exit
from gestalt_ptyhost.journal import Journal
from gestalt_ptyhost.requests import Adoption, Creation, Keeping, Refused
from gestalt_ptyhost.session import Session
from gestalt_ptyhost.spawn import OpenFiles, reap, spawn
from gestalt_ptyhost.terminal import Terminal
from gestalt_ptyhost.wire import Kind

_ADOPTED_FDS = 4  # master, both ends of the pipe, pidfd
_SESSION_FDS = 6  # these, the segment and its timing index
_SPARE_FDS = 64  # for new segments, connections, descriptors in flight: without them journals would get holes


class Sessions:
    """The registry. A session stays in it after its end until the worker has noted that (`forget`)."""

    def __init__(self, epoll: select.epoll, limits: OpenFiles) -> None:
        """`limits` says how many descriptors this process and the programs may have."""
        self._epoll = epoll
        self._limits = limits
        self._by_number: dict[int, Session] = {}
        self._by_master: dict[int, Session] = {}
        self._by_pidfd: dict[int, Session] = {}

    def __iter__(self) -> Iterator[Session]:
        return iter(self._by_number.values())

    def __len__(self) -> int:
        return len(self._by_number)

    @property
    def numbers(self) -> list[int]:
        """The numbers of all sessions."""
        return list(self._by_number)

    @property
    def alive(self) -> bool:
        """Whether any terminal is held."""
        return bool(self._by_master)

    def get(self, number: int) -> Session | None:
        """The session of a number."""
        return self._by_number.get(number)

    def reading(self, fd: int) -> Session | None:
        """The session whose terminal a descriptor is."""
        return self._by_master.get(fd)

    def ending(self, fd: int) -> Session | None:
        """The session whose program a pidfd watches."""
        return self._by_pidfd.get(fd)

    def create(self, number: int, creation: Creation) -> Session:
        """Start a program in a terminal of its own. Refused or OSError when that cannot be."""
        self._must_have_room(number)
        journal = _journal(creation.keeping)
        try:
            terminal, pid = spawn(creation, self._limits.program)
        except BaseException:
            journal.close()
            raise
        return self._add(Session(number, creation.uid, pid, terminal, journal, Kind.CREATED), terminal)

    def adopt(self, number: int, adoption: Adoption, fds: Sequence[int]) -> Session:
        """Take a terminal over, with what its last host left in the pipe. The descriptors are ours on success."""
        self._must_have_room(number)
        if len(fds) != _ADOPTED_FDS:
            raise Refused(f"a terminal comes as {_ADOPTED_FDS} descriptors, not {len(fds)}", errno.EBADF)
        terminal = Terminal(*fds)
        for fd in terminal.fds[:3]:
            os.set_blocking(fd, False)
        journal = _journal(adoption.keeping, adoption.end)
        try:
            journal.take(terminal.pipe_r, terminal.held())
            return self._add(Session(number, adoption.uid, adoption.pid, terminal, journal, Kind.SESSION), terminal)
        except BaseException:
            journal.close()
            raise

    def program_ended(self, session: Session) -> None:
        """Collect a program that has ended; what it wrote last may still be in the terminal."""
        if session.terminal and not session.ended:
            del self._by_pidfd[session.terminal.pidfd]
            self._epoll.unregister(session.terminal.pidfd)
            session.ended = True
            session.exit_code = reap(session.terminal.pidfd)

    def finish(self, session: Session) -> None:
        """The terminal has nothing more to say: note the exit and let the terminal go."""
        if session.terminal:
            write_exit(session.journal.directory, session.exit_code, session.journal.end)
            # The worker's dups keep the terminal open, so closing alone would not take it out of the epoll.
            del self._by_master[session.terminal.master]
            self._epoll.unregister(session.terminal.master)
            session.terminal.close()
            session.terminal = None
            session.journal.close()

    def forget(self, number: int) -> Session | None:
        """Drop the entry of a session that is over; one that is not is kept."""
        session = self._by_number.get(number)
        if session is None or session.terminal is not None:
            return None
        return self._by_number.pop(number)

    def _must_have_room(self, number: int) -> None:
        if number in self._by_number:
            raise Refused(f"there is a session {number} already", errno.EEXIST)
        if (len(self._by_master) + 1) * _SESSION_FDS + _SPARE_FDS > self._limits.host:
            raise Refused(f"{len(self._by_master)} sessions are all that the limit of open files allows", errno.EMFILE)

    def _add(self, session: Session, terminal: Terminal) -> Session:
        self._epoll.register(terminal.pidfd, select.EPOLLIN)
        self._epoll.register(terminal.master, select.EPOLLIN | select.EPOLLET)
        self._by_number[session.number] = session
        self._by_master[terminal.master] = session
        self._by_pidfd[terminal.pidfd] = session
        return session


def _journal(keeping: Keeping, at_least: int = 0) -> Journal:
    return Journal(keeping.journal, cap=keeping.cap, segment=keeping.segment, at_least=at_least)
