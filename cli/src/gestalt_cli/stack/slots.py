"""Which slots hold terminals: those with a live pty host need a worker, however few were asked for."""

from __future__ import annotations

import fcntl
from pathlib import Path


def with_live_host(data: Path) -> int:
    """How many slots below the data directory have a live pty host."""
    return sum(any(map(lives, slot.glob("host*.sock"))) for slot in data.glob("slots/*"))


def lives(socket: Path) -> bool:
    """Whether the host of this socket lives: it holds the lock beside it.

    Connecting would tell too, but a host takes whoever connects for its new worker.
    """
    try:
        with socket.with_name(f"{socket.name}.lock").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
