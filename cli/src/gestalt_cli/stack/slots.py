"""Which slots hold terminals: they need a worker, however few were asked for."""

from __future__ import annotations

from pathlib import Path

from gestalt_ptyhost.holders import holds_terminals


def with_live_host(data: Path) -> int:
    """How many slots below the data directory have a live pty host, or a tmux server of theirs."""
    return sum(holds_terminals(str(slot)) for slot in data.glob("slots/*"))
