"""The ladder that ends a session: HUP, then TERM, then KILL, each to every process group of its terminal."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress

from gestalt_session.terminal.device import groups_of_session, signal_session
from gestalt_session.terminal.session import Session

LOOK_SECONDS = 0.02  # nobody tells when the jobs of a program end that has ended itself
NOBODY = 0

LADDER: tuple[tuple[signal.Signals, float], ...] = (
    (signal.SIGHUP, 1.5),  # what closing a terminal window says; a shell with a trap has time to tidy up
    (signal.SIGTERM, 1.5),
    (signal.SIGKILL, 1.5),
)
"""Which signal, and how many seconds the session has to end before the next: under 5 s in all (contract §3)."""


async def terminate(session: Session) -> bool:
    """End the session's programs, jobs in the background too; returns when that is so.

    False: even KILL did not end it in time.
    """
    leader = session.device.pid if session.device is not None else NOBODY
    for number, patience in LADDER:
        if leader != NOBODY:
            await asyncio.to_thread(_send, leader, number)
        if await _over(session, leader, patience):
            return True
    return session.ended.is_set()


def _send(leader: int, number: signal.Signals) -> None:
    """A stopped program must be continued to hear anything but KILL."""
    signal_session(leader, number)
    signal_session(leader, signal.SIGCONT)


async def _over(session: Session, leader: int, seconds: float) -> bool:
    """Wait until its end is noted and nothing lives in its terminal any more; False when that takes longer.

    The pid of a leader that has ended is not given away while anything lives in its session.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await session.ended.wait()
            while leader != NOBODY and await asyncio.to_thread(lambda: bool(groups_of_session(leader))):  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(LOOK_SECONDS)
            return True
    return False
