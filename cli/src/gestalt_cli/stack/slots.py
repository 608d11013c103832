"""Which slots hold terminals: those with a pty host that still listens need a worker, however few were asked for."""

from __future__ import annotations

import socket
from pathlib import Path

from gestalt_cli.stack.socket_path import reachable


def with_live_host(data: Path) -> int:
    """How many slots below the data directory have a live pty host."""
    return sum(any(map(listens, slot.glob("host*.sock"))) for slot in sorted(data.glob("slots/*")))


def listens(path: Path) -> bool:
    """Whether somebody listens on this SOCK_SEQPACKET socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as probe:
        probe.setblocking(False)
        try:
            with reachable(path) as name:
                probe.connect(name)
        except BlockingIOError:
            return True  # its backlog is full: somebody is there, and busy
        except OSError:
            return False
    return True
