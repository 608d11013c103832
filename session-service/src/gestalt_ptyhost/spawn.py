"""Starting a program in a terminal.

posix_spawn, not fork: it shares the host's memory until the exec, which makes a create ten times cheaper, and
gives the exec's own error. What it has no argument for (directory, umask, limit of open files) the host takes on
for that instant; it has one thread, and nothing else happens in between.
"""

import errno
import os
import resource
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final, NamedTuple

from gestalt_ptyhost.requests import Creation, Refused
from gestalt_ptyhost.terminal import Terminal, open_pty

_PROGRAM_UMASK: Final = 0o022
_DEFAULT_SIGNALS: Final = sorted(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP})
"""Python and the host ignore some; a program starts with none ignored."""


class OpenFiles(NamedTuple):
    """How many descriptors this process may have, and a program at its start."""

    host: int
    program: int


def raise_open_files() -> OpenFiles:
    """Let this process open as many files as it may; programs start with the limit it was given."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return OpenFiles(host=hard, program=soft)


def spawn(creation: Creation, open_files: int) -> tuple[Terminal, int]:
    """Start a program in a new terminal: the terminal and the program's pid. Refused says why there is none."""
    with ExitStack() as undo:
        master, slave = open_pty(creation.cols, creation.rows)
        undo.callback(os.close, master)
        try:
            pipe_r, pipe_w = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
            undo.callback(os.close, pipe_r)
            undo.callback(os.close, pipe_w)
            pid = _start(creation, slave, open_files)
        finally:
            os.close(slave)
        terminal = Terminal(master, pipe_r, pipe_w, _pidfd(pid))
        undo.pop_all()
    return terminal, pid


def reap(pidfd: int) -> int | None:
    """The exit code of a program that has ended, negative for a signal; None when it was no child of ours."""
    try:
        result = os.waitid(os.P_PIDFD, pidfd, os.WEXITED | os.WNOHANG)
    except ChildProcessError:
        return None
    if result is None:
        return None
    return result.si_status if result.si_code == os.CLD_EXITED else -result.si_status


def _pidfd(pid: int) -> int:
    """A descriptor of a fresh child; a child that cannot be watched is not left running."""
    try:
        return os.pidfd_open(pid)
    except OSError:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise


def _start(creation: Creation, slave: int, open_files: int) -> int:
    # A session leader's first terminal opened becomes its controlling one, whatever path it is opened by.
    # 0 is closed first: with the program's limit of open files in force there may be no other free number.
    actions: list[tuple[Any, ...]] = [
        (os.POSIX_SPAWN_CLOSE, 0),
        (os.POSIX_SPAWN_OPEN, 0, f"/proc/self/fd/{slave}", os.O_RDWR, 0),
        (os.POSIX_SPAWN_DUP2, 0, 1),
        (os.POSIX_SPAWN_DUP2, 0, 2),
    ]
    argv, env = creation.argv, creation.env
    with _as_the_program(creation.cwd, open_files):
        try:
            return os.posix_spawn(
                _found(argv[0], env.get(b"PATH", os.fsencode(os.defpath))),
                argv,
                env,
                file_actions=actions,
                setsid=True,
                setsigmask=[],
                setsigdef=_DEFAULT_SIGNALS,
            )
        except OSError as error:
            raise _refusal(argv[0], error) from error


@contextmanager
def _as_the_program(cwd: bytes, open_files: int) -> Iterator[None]:
    """Stand where the program is to start."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        os.chdir(cwd)
    except OSError as error:
        raise _refusal(cwd, error) from error
    umask = os.umask(_PROGRAM_UMASK)
    resource.setrlimit(resource.RLIMIT_NOFILE, (open_files, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        os.umask(umask)
        os.chdir("/")


def _found(name: bytes, path: bytes) -> bytes:
    """The file a name stands for, searched as execvp does: the program's PATH, from its directory."""
    if b"/" in name:
        return name
    failure = errno.ENOENT
    for directory in path.split(b":"):
        candidate = os.path.join(directory or b".", name)
        if os.path.isfile(candidate):
            if os.access(candidate, os.X_OK):
                return candidate
            failure = errno.EACCES
    raise OSError(failure, os.strerror(failure))


def _refusal(what: bytes, error: OSError) -> Refused:
    return Refused(f"{what.decode(errors='replace')}: {error.strerror}", error.errno or errno.EINVAL)
