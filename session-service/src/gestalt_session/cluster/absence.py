"""Telling the bus when a worker's sessions become unreachable or lost: once each, by whichever worker is first."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from gestalt_contracts import events
from gestalt_contracts.channels import Names
from gestalt_contracts.directory import Change, Directory, DirectoryUnavailable, SessionRecord
from gestalt_contracts.events import Event
from gestalt_session.cluster.outbox import Outbox

TYPES = {"unreachable": events.TERMINAL_UNREACHABLE, "lost": events.TERMINAL_LOST}
PAUSE = 1.0  # between tries while Redis is away

log = structlog.get_logger()


class AbsenceWatch:
    """Follows the directory for what its sweep notices, and tells `replaced` the uid of what left the list."""

    def __init__(
        self, directory: Directory, outbox: Outbox, names: Names, replaced: Callable[[str], Awaitable[None]]
    ) -> None:
        self._directory = directory
        self._outbox = outbox
        self._names = names
        self._replaced = replaced

    async def watch_forever(self) -> None:
        """Listen, whatever happens to Redis."""
        while True:
            try:
                async with self._directory.changes() as changes:
                    async for change in changes:
                        await self._notice(change)
            except DirectoryUnavailable:
                await asyncio.sleep(PAUSE)
            except Exception:
                log.exception("the watch for absent workers failed")
                await asyncio.sleep(PAUSE)

    async def _notice(self, change: Change) -> None:
        if change.removed is not None:
            await self._replaced(change.removed)
        if change.session is not None and change.session.status in TYPES:
            self._tell(change.session)

    def _tell(self, record: SessionRecord) -> None:
        """Every worker hears of it; the key makes one of them tell it, once for each loss of its lease."""
        event = Event(
            type=TYPES[record.status],
            topic="terminal",
            occurred_at=events.now(),
            session_id=record.id,
            session_uid=record.uid,
            data={"worker": record.worker},
        )
        self._outbox.put(event, seen=self._names.seen(record.uid, f"{record.status}/{record.generation}"))
