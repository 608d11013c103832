"""`python -m gestalt_cli.stack.zygote SOCKET MODULE…`: imports the modules, then forks a service whenever it is asked.

Importing is nearly all of a service's start, and the same for each: a fork of this process serves within a blink, and
shares its memory. The word of `up` is a datagram with descriptors: the order (JSON in a memfd), stdin, stdout, stderr,
and those that the service inherits. The answer is its pid with its pidfd. A dead child stays a zombie until `up` has
read its exit code and has it buried.

A service dies with `up`, not with us: the kernel kills it when nobody holds the other end of its stdin any more,
however `up` ended, and also when the service is stopped or hangs.
"""

from __future__ import annotations

import fcntl
import gc
import importlib
import os
import select
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct
from setproctitle import setproctitle

FORK = b"fork"
"""Every other word is the pid of a child that is to be buried."""
LONGEST_WORD = 64
MOST_DESCRIPTORS = 16
KEEP_ENVIRONMENT = "SPT_NOENV"
"""For setproctitle: a title may not be written over the environment, which a person may look for in /proc."""
ABOVE = 256
"""Descriptors are moved here before they get the numbers they are to have."""


class Order(Struct, frozen=True):
    """What a fork becomes: a module's `main` in an environment of its own. `fds`: the numbers of what it inherits."""

    module: str
    environment: dict[str, str]
    fds: tuple[int, ...] = ()


def main() -> None:
    """Import, say so, and fork until `up` has gone. A child leaves here as the service that it became."""
    ours, modules = socket.socket(fileno=int(sys.argv[1])), sys.argv[2:]
    os.environ[KEEP_ENVIRONMENT] = "1"
    setproctitle("gestalt_zygote")
    for module in modules:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()  # a collection that went over what lives by now would copy it into every child
    print("ready zygote", flush=True)  # noqa: T201 - `up` waits for it
    order = _serve(ours)
    if order is not None:
        sys.modules[order.module].main()


def _serve(ours: socket.socket) -> Order | None:
    """In a child: what it is to run. In the zygote: None, once `up` has gone."""
    while True:
        word, descriptors, _, _ = socket.recv_fds(ours, LONGEST_WORD, MOST_DESCRIPTORS)
        if not word:
            return None
        if word != FORK:
            _bury(int(word))
            continue
        pid = os.fork()
        if pid == 0:
            return _become(*descriptors)
        _answer(ours, pid)
        for descriptor in descriptors:
            os.close(descriptor)


def _bury(pid: int) -> None:
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)  # its end was seen; should the number be another's by now, nobody waits for that


def _answer(ours: socket.socket, pid: int) -> None:
    """Say it; a child that nobody waits for any more ends before it has begun."""
    pidfd = os.pidfd_open(pid)
    try:
        socket.send_fds(ours, [str(pid).encode()], [pidfd])
    except OSError:
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    finally:
        os.close(pidfd)


def _become(order: int, *descriptors: int) -> Order:
    wanted = msgspec.json.decode(Path(f"/proc/self/fd/{order}").read_bytes(), type=Order)
    os.setsid()
    _keep_only(descriptors, (0, 1, 2, *wanted.fds))
    _die_when_stdin_ends()
    os.environ.clear()
    os.environ.update(wanted.environment)
    sys.argv = [wanted.module]
    setproctitle(wanted.module.removesuffix(".__main__"))
    return wanted


def _keep_only(descriptors: Sequence[int], numbers: Sequence[int]) -> None:
    """Give each descriptor its number, and close all others, those of the zygote among them."""
    above = [fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, ABOVE) for descriptor in descriptors]
    for descriptor, number in zip(above, numbers, strict=True):
        os.dup2(descriptor, number, inheritable=number <= 2)  # noqa: PLR2004 - the standard three
    for entry in list(Path("/proc/self/fd").iterdir()):
        if int(entry.name) not in numbers:
            with suppress(OSError):  # the listing's own
                os.close(int(entry.name))


def _die_when_stdin_ends() -> None:
    """SIGKILL from the kernel when the pipe's other end is closed: nothing is ever written to it."""
    fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(0, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_ASYNC)
    ended = select.poll()
    ended.register(0, select.POLLHUP)
    if ended.poll(0):  # it was closed before we asked
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
