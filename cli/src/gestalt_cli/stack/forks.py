"""Services as forks of the zygote: how `up` asks for one, and what it knows of it."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Sequence
from pathlib import Path

import msgspec

from gestalt_cli.stack.zygote import FORK, LONGEST_WORD, Order

ANSWER_SECONDS = 1.0
"""A fork takes milliseconds. A zygote that does not answer is left alone, and the service started the long way."""
KILLED = -9
"""What is said of one whose end nobody saw: its zygote had died, and init has buried it."""


class Fork:
    """A running fork."""

    def __init__(self, pid: int, pidfd: int, zygote: Zygote) -> None:
        self.pid, self.pidfd = pid, pidfd
        self._zygote = zygote

    def code(self) -> int:
        """Its exit code, negative for a signal, once the pidfd says that it has ended."""
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2]
            self._zygote.bury(self.pid)
            return os.waitstatus_to_exitcode(int(fields.split()[-1]))
        return KILLED


class Zygote:
    """The way to the zygote of this moment. Each one that is started gets a socket of its own (`renew`)."""

    def __init__(self) -> None:
        self._ours = self._theirs = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    def renew(self) -> int:
        """The descriptor that the next zygote inherits; whatever was asked of the last one is void."""
        self.close()
        self._ours, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._ours.settimeout(ANSWER_SECONDS)
        return self._theirs.fileno()

    def close(self) -> None:
        """Let go of it: it ends."""
        self._ours.close()
        self._theirs.close()

    def fork(self, order: Order, descriptors: Sequence[int]) -> Fork | None:
        """A service; None when there is no zygote that answers. `descriptors`: stdin, stdout, stderr, then its own."""
        self._theirs.close()  # it was inherited by now; as long as we hold it, a dead zygote's silence has no end
        try:
            self._ask(order, descriptors)
            return self._heard()
        except OSError:
            return self._void()

    def _ask(self, order: Order, descriptors: Sequence[int]) -> None:
        memory = os.memfd_create("order")
        try:
            os.write(memory, msgspec.json.encode(order))
            socket.send_fds(self._ours, [FORK], [memory, *descriptors])
        finally:
            os.close(memory)

    def _heard(self) -> Fork:
        word, descriptors, _, _ = socket.recv_fds(self._ours, LONGEST_WORD, 1)
        if not word:
            raise ConnectionError("the zygote has ended")
        return Fork(int(word), descriptors[0], self)

    def _void(self) -> Fork | None:
        """From now on nothing that was asked is done any more; what has been done just now counts."""
        with contextlib.closing(self), contextlib.suppress(OSError):
            self._ours.shutdown(socket.SHUT_RDWR)
            self._ours.setblocking(False)
            return self._heard()
        return None

    def bury(self, pid: int) -> None:
        """Its end has been seen."""
        with contextlib.suppress(OSError):
            self._ours.send(str(pid).encode())
