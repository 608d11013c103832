"""`python with_parent.py PARENT -- argv…`: becomes argv, which the kernel kills when process PARENT dies.

However the parent ends, kill -9 included, its services end with it, also one that is stopped or hangs: hence SIGKILL.
The signal survives exec and is not inherited by children, so pty hosts outlive the worker that started them.
Standard library only, and run isolated: it starts in 10 ms.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
CANNOT_RUN = 127
"""As a shell says it."""


def die_with(parent: int) -> None:
    """Ask the kernel for SIGKILL when the parent dies. Raises OSError, or ChildProcessError if it is dead already."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:
        raise ChildProcessError(f"process {parent}, which asked for this, is gone")


def main() -> None:
    """Tie, then exec; CANNOT_RUN with one line on stderr when that cannot be done."""
    parent, argv = int(sys.argv[1]), sys.argv[3:]
    try:
        die_with(parent)
        os.execv(argv[0], argv)  # noqa: S606 - becoming another program is the purpose
    except OSError as error:
        sys.stderr.write(f"{argv[0]}: {error.strerror or error}\n")
        sys.exit(CANNOT_RUN)


if __name__ == "__main__":
    main()
