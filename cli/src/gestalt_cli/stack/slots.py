"""Which slots hold terminals: those with a live pty host need a worker, however few were asked for."""

from __future__ import annotations

from pathlib import Path

from gestalt_ptyhost.listening import lives


def with_live_host(data: Path) -> int:
    """How many slots below the data directory have a live pty host."""
    return sum(any(lives(str(path)) for path in slot.glob("host-*.sock")) for slot in data.glob("slots/*"))
