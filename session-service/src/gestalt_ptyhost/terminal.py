"""One pseudo-terminal from the host's side: its master, the pipe its bytes go through, the program's pidfd."""

import errno
import fcntl
import os
import stat
import termios
import time
from typing import Final

GULP: Final = 8192
"""Bytes asked of one splice: it prepares that many bytes of pages, and a PTY rarely has more than half of it at once.
A turn is as many splices as the pipe has pages for: of the usual 64 KiB up to 60, a fifth of a millisecond."""
WAIT: Final = 20_000
"""Nanoseconds for which a flood's next bytes are awaited by looking again and again. The kernel hands a PTY's bytes
over in a thread of its own, 4 KiB at a time; who sleeps for each lets the cores fall asleep too, and a virtual machine
takes longer to wake one than the hand-over takes. It costs CPU only while a program floods."""
SHORT: Final = 2048
"""A splice that brings less found the terminal nearly empty: what came is told before it is asked again."""

_PAGE = 4096
_IUTF8 = 0o40000  # termios has no name for it before Python 3.13


class Terminal:
    """Owns four descriptors; `fill` moves what the program wrote from the terminal into the pipe."""

    __slots__ = ("_gulp", "_pages", "_splices", "_waiting", "master", "pidfd", "pipe_r", "pipe_w")

    def __init__(self, master: int, pipe_r: int, pipe_w: int, pidfd: int) -> None:
        self.master = master
        self.pipe_r = pipe_r
        self.pipe_w = pipe_w
        self.pidfd = pidfd
        # A user with very many pipes gets small ones; a full pipe would look like an empty terminal.
        self._pages = fcntl.fcntl(pipe_w, fcntl.F_GETPIPE_SZ) // _PAGE
        self._gulp = min(GULP, self._pages * _PAGE)
        # Between two pipes splice moves slots, not bytes: many small ones fill ours, which would look like an empty
        # terminal. A pipe in a master's place is a terminal that somebody else reads.
        self._splices = not stat.S_ISFIFO(os.fstat(master).st_mode)
        self._waiting = bytearray(4)

    @property
    def fds(self) -> tuple[int, int, int, int]:
        """The descriptors in the order they travel in."""
        return self.master, self.pipe_r, self.pipe_w, self.pidfd

    def fill(self, *, awaits: bool = False) -> tuple[int, bool]:
        """Move one turn's bytes into the empty pipe: how many, and whether the terminal was drained.

        `awaits`: give a flood's next bytes WAIT to arrive. Only a splice that finds nothing proves a terminal drained:
        what the kernel has not handed over yet does not show otherwise.
        """
        moved, room = 0, self._pages
        try:
            while room * _PAGE >= self._gulp:
                count = self._move_or_wait() if moved and awaits else self._move()
                if not count:
                    return moved, True
                moved += count
                room -= -(-count // _PAGE)
                if count < SHORT and not awaits:
                    break
        except BlockingIOError:
            return moved, True
        except OSError as error:
            # EIO: nobody holds the other side; drained, until somebody opens it again.
            return moved, error.errno != errno.ENOMEM
        return moved, False

    def _move_or_wait(self) -> int:
        try:
            return self._move()
        except BlockingIOError:
            if not self._more_comes():
                raise
        return self._move()

    def _more_comes(self) -> bool:
        """Whether bytes arrive within WAIT."""
        until = time.perf_counter_ns() + WAIT
        while time.perf_counter_ns() < until:
            fcntl.ioctl(self.master, termios.FIONREAD, self._waiting)
            if any(self._waiting):
                return True
        return False

    def held(self) -> int:
        """How many bytes a host that died left in the pipe."""
        return int.from_bytes(fcntl.ioctl(self.pipe_r, termios.FIONREAD, bytes(4)), "little")

    def close(self) -> None:
        """Close all four; the kernel hangs up on whoever still uses the terminal once no other holder is left."""
        for fd in self.fds:
            os.close(fd)

    def _move(self) -> int:
        if self._splices:
            try:
                return os.splice(self.master, self.pipe_w, self._gulp, flags=os.SPLICE_F_NONBLOCK)
            except OSError as error:
                if error.errno not in {errno.EINVAL, errno.ENOSYS}:
                    raise
                self._splices = False
        return os.write(self.pipe_w, os.read(self.master, self._gulp))


def open_pty(cols: int, rows: int) -> tuple[int, int]:
    """A new terminal of a size: master (non-blocking) and slave, both close-on-exec."""
    master, slave = os.openpty()
    try:
        os.set_blocking(master, False)
        termios.tcsetwinsize(slave, (rows, cols))
        attributes = termios.tcgetattr(slave)
        attributes[0] |= _IUTF8  # erasing in a line takes a whole character
        termios.tcsetattr(slave, termios.TCSANOW, attributes)
    except BaseException:
        os.close(master)
        os.close(slave)
        raise
    return master, slave
