"""The list of sessions as a stream: the whole first, then changes, coalesced."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

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
        """`{"type": "sessions", "changed": [summary…], "gone": [uid…], "whole"}`.

        With `whole` true, `changed` is the whole list, in order: first, and whenever anything may have been missed.
        """
        async with self._directory.changes() as changes:
            yield _numbered(await self._whole())
            async for gathered in _coalesced(changes):
                yield _numbered(await self._frame(gathered))

    async def _whole(self) -> Frame:
        return _frame(await self._overview.sessions(), [], whole=True)

    async def _frame(self, changes: list[Change]) -> Frame:
        if any(_is_of_all(change) for change in changes):
            return await self._whole()  # a worker came or went, or we missed something: any status may differ
        changed = [self._overview.shown(change.session) for change in changes if change.session is not None]
        return _frame(changed, [change.removed for change in changes if change.removed is not None], whole=False)


def _is_of_all(change: Change) -> bool:
    return change.session is None and change.removed is None


def _frame(changed: list[dict[str, Any]], gone: list[str], *, whole: bool) -> Frame:
    return {"type": "sessions", "changed": changed, "gone": gone, "whole": whole}


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
