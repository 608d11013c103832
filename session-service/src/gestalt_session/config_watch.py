"""Telling the bus of profiles that do not load, when their files change: once each, by whichever worker is first."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path

import structlog

from gestalt_contracts.channels import Names
from gestalt_session.agents.catalogue import Catalogue, Complaint
from gestalt_session.cluster.outbox import Outbox
from gestalt_session.workspace.watching.stamps import Change

LOOK_SECONDS = 2.0  # the watcher of files tells at once, if the folder lies where it watches and can be watched

log = structlog.get_logger()


class ConfigWatch:
    """Looks at the profiles now and then; a watcher of files that sees one change may say so at once."""

    def __init__(self, catalogue: Catalogue, outbox: Outbox, names: Names) -> None:
        self._catalogue = catalogue
        self._outbox = outbox
        self._names = names

    async def watch_forever(self) -> None:
        """What is bad at the start is not news; what changes is. Skills are read once, so that nobody waits for it."""
        look = self._first_look
        while True:
            try:
                await look()
            except Exception:
                log.exception("the profiles could not be looked at")
            look = self._look
            await asyncio.sleep(LOOK_SECONDS)

    async def _first_look(self) -> None:
        await self._look()
        await self._catalogue.skills()

    async def _look(self) -> None:
        self._tell(await self._catalogue.changes())

    async def changed(self, changes: Sequence[Change]) -> None:
        """The watcher of files saw the configuration change."""
        for change in changes:
            self._tell(await self._catalogue.file_changed(Path(change.path)))

    def _tell(self, complaints: Iterable[Complaint]) -> None:
        for complaint in complaints:
            self._outbox.put(complaint.event, seen=self._names.seen("config", complaint.key))
