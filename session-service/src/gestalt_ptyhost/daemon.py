"""Leaving the worker's process tree: a process of its own that no hang-up, interrupt or parent's death reaches."""

import os
import signal
from contextlib import suppress

NAME = "gestalt-ptyhost"
_STANDARD_FDS = (0, 1, 2)


def own_descriptors() -> None:
    """Start with nothing open but stdin, stdout and stderr: what was inherited (locks!) is not ours to hold."""
    for fd in _STANDARD_FDS:
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number, so it is this one
    for name in os.listdir("/proc/self/fd"):  # not closerange: limits of a billion are about
        if int(name) not in _STANDARD_FDS:
            with suppress(OSError):
                os.close(int(name))


def leave() -> None:
    """Go on in a child that is a session of its own; the caller's process ends with 0. stderr stays."""
    if os.fork():
        os._exit(0)
    os.setsid()
    os.chdir("/")
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    os.dup2(null, 0)
    os.dup2(null, 1)
    os.close(null)
    with suppress(OSError), open("/proc/self/comm", "w", encoding="ascii") as name:
        name.write(NAME)


def watch_signals() -> int:
    """Ignore what would end the host by accident; the descriptor returned is readable after a SIGTERM."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    readable, writable = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
    signal.signal(signal.SIGTERM, lambda _number, _frame: None)
    return readable
