"""The socket a worker finds the host by: bound at a path of any length, owned by one host, for this user only."""

import fcntl
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

_BACKLOG: Final = 8
_UCRED: Final = struct.Struct("3i")


class Occupied(Exception):
    """Another host lives at this path."""


class Listener:
    """A listening socket at a path; `close` takes the path away again."""

    def __init__(self, path: str) -> None:
        """Bind and listen; Occupied when a host lives there, OSError when the path cannot be used.

        A lock file beside the socket tells a host that lives from a socket left behind. Connecting would tell
        too, but a host takes a new connection for its new worker and lets the real one go.
        """
        self._path = path
        self._lock = _locked(path + ".lock")
        try:
            self._sock = _bound(path)
        except BaseException:
            os.close(self._lock)
            raise

    def fileno(self) -> int:
        """The socket's descriptor."""
        return self._sock.fileno()

    def accept(self) -> socket.socket | None:
        """A connection of this user's (non-blocking), None when there is none."""
        try:
            connection, _ = self._sock.accept()
        except OSError:
            return None
        if _uid_of(connection) != os.geteuid():
            connection.close()
            return None
        connection.setblocking(False)
        return connection

    def close(self) -> None:
        """Stop listening and remove what lies on disk."""
        for path in (self._path, self._path + ".lock"):
            with suppress(OSError):
                os.unlink(path)
        self._sock.close()
        os.close(self._lock)


def lives(path: str) -> bool:
    """Whether a host lives at this path. Asked of its lock: whoever connects is taken for its new worker."""
    try:
        fd = os.open(path + ".lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def _locked(path: str) -> int:
    """A descriptor that holds the lock; the file it holds is the one that lies there."""
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(fd).st_ino == os.stat(path).st_ino:
                return fd
        except FileNotFoundError:
            pass
        except BlockingIOError:
            os.close(fd)
            raise Occupied(f"a pty host already answers at {path.removesuffix('.lock')}") from None
        os.close(fd)


def _bound(path: str) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        with suppress(FileNotFoundError):
            os.unlink(path)
        umask = os.umask(0o177)
        try:
            with reachable(path) as short:
                sock.bind(short)
        finally:
            os.umask(umask)
        sock.listen(_BACKLOG)
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock


@contextmanager
def reachable(path: str) -> Iterator[str]:
    """A name for the path that fits into the 107 bytes of a socket's address, valid inside the block."""
    directory, name = os.path.split(path)
    fd = os.open(directory or ".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{fd}/{name}"
    finally:
        os.close(fd)


def _uid_of(connection: socket.socket) -> int:
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    return int(_UCRED.unpack(credentials)[1])
