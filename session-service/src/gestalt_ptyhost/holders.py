"""Who holds terminals in a slot: pty hosts, and the tmux server of sessions that live in its windows."""

import glob
import os
import socket
from typing import Final

from gestalt_ptyhost.listening import lives, reachable

TMUX_SOCKET: Final = "tmux.sock"
_CONNECT_SECONDS: Final = 1.0
"""Connecting within a machine takes no time, unless the backlog is full."""


def holds_terminals(folder: str) -> bool:
    """Whether a pty host or a tmux server of this slot lives."""
    hosts = glob.glob(os.path.join(glob.escape(folder), "host-*.sock"))
    return any(map(lives, hosts)) or _listens(os.path.join(folder, TMUX_SOCKET))


def _listens(path: str) -> bool:
    """A tmux server that is only called and hung up on takes no notice."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller, reachable(path) as short:
            caller.settimeout(_CONNECT_SECONDS)
            caller.connect(short)
    except OSError:
        return False
    return True
