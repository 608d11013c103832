"""The ladder that ends a session: HUP, then TERM, then KILL, each to every process group of its terminal."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress

from gestalt_session.terminal.session import Session

LADDER: tuple[tuple[signal.Signals, float], ...] = (
    (signal.SIGHUP, 1.5),  # what closing a terminal window says; a shell with a trap has time to tidy up
    (signal.SIGTERM, 1.5),
    (signal.SIGKILL, 1.5),
)
"""Which signal, and how many seconds the session has to end before the next: under 5 s in all (contract §3)."""


async def terminate(session: Session) -> bool:
    """End the session's programs; returns when its end is noted. False: even KILL did not end it in time."""
    for number, patience in LADDER:
        await asyncio.to_thread(_send, session, number)
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await session.ended.wait()
        if session.ended.is_set():
            return True
    return False


def _send(session: Session, number: signal.Signals) -> None:
    """A stopped program must be continued to hear anything but KILL."""
    device = session.device
    if device is None or session.ended.is_set():
        return
    device.signal_all(number)
    device.signal_all(signal.SIGCONT)
