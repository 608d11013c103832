"""The list of sessions as a stream: the whole first, then changes, coalesced."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

from gestalt_contracts.directory import Change, Directory
from gestalt_session.frames import Frame
from gestalt_session.overview import Overview

COALESCED_SECONDS = 0.25  # what changes faster than a person reads is told once


class Watchlist:
    """One client's view of the list."""

    def __init__(self, overview: Overview, directory: Directory) -> None:
        self._overview = overview
        self._directory = directory

    async def follow(self) -> AsyncIterator[Frame]:
        """`{"type": "sessions", "sessions": [...]}` first and after a lost connection, then `session` and `removed`."""
        async with self._directory.changes() as changes:
            yield _numbered(await self._whole())
            async for frames in _coalesced(changes):
                for change in frames:
                    yield _numbered(await self._frame(change))

    async def _whole(self) -> Frame:
        return {"type": "sessions", "sessions": await self._overview.sessions()}

    async def _frame(self, change: Change) -> Frame:
        if change.session is not None:
            return {"type": "session", "session": self._overview.shown(change.session)}
        if change.removed is not None:
            return {"type": "removed", "uid": change.removed}
        return await self._whole()  # a worker came or went, or we missed something: its sessions' status may differ


def _numbered(frame: Frame) -> Frame:
    """With an id. Whoever comes back with it gets the whole list first, so nothing can be missing."""
    return frame | {"id": str(time.time_ns())}


async def _coalesced(changes: AsyncIterator[Change]) -> AsyncIterator[list[Change]]:
    """Changes gathered for COALESCED_SECONDS; of several of one session the last counts."""
    gathered: dict[str, Change] = {}
    clock, due = asyncio.get_running_loop().time, 0.0
    upcoming = asyncio.ensure_future(_next(changes))
    try:
        while True:
            await asyncio.wait({upcoming}, timeout=max(0.0, due - clock()) if gathered else None)
            if gathered and clock() >= due:  # also when changes never pause
                yield list(gathered.values())
                gathered.clear()
            if not upcoming.done():
                continue
            change = upcoming.result()
            upcoming = asyncio.ensure_future(_next(changes))
            due = due if gathered else clock() + COALESCED_SECONDS
            gathered.pop(_key(change), None)
            gathered[_key(change)] = change
    except StopAsyncIteration:
        return
    finally:
        upcoming.cancel()
        await asyncio.gather(upcoming, return_exceptions=True)


async def _next(changes: AsyncIterator[Change]) -> Change:
    return await anext(changes)


def _key(change: Change) -> str:
    if change.session is not None:
        return change.session.uid
    return change.removed or "everything"
