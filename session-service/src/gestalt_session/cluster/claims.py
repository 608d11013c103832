"""Getting a session its name: claimed in the directory, told apart from what may hold it, given back."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import structlog

from gestalt_contracts.directory import Directory, DirectoryUnavailable, StaleGeneration, Taken
from gestalt_contracts.errors import Conflict, Unavailable
from gestalt_session.cluster.membership import Membership
from gestalt_session.terminal.folder import SessionFile

NO_REDIS = "no session can be started while Redis is away"
LAST_WORD_SECONDS = 0.1  # until the directory knows that an agent has ended, which its worker knew before

log = structlog.get_logger()


class Claims:
    """Names of the sessions that this worker makes."""

    def __init__(self, directory: Directory, membership: Membership) -> None:
        self._directory = directory
        self._membership = membership

    async def claim(self, file: SessionFile, base: str) -> None:
        """Give `file` its id: `base` and a number. Raises Conflict when there may be one only, Unavailable."""
        try:
            await self._membership.among_all()
            if isinstance(claimed := await self._ask(file, base), Taken):
                await asyncio.sleep(LAST_WORD_SECONDS)
                claimed = await self._ask(file, base)
        except (DirectoryUnavailable, StaleGeneration) as error:
            raise Unavailable(NO_REDIS) from error
        if isinstance(claimed, Taken):
            raise await self._conflict(file, claimed)
        file.id = claimed

    async def give_back(self, file: SessionFile) -> None:
        """Nothing runs under that name after all."""
        try:
            await self._directory.end(self._membership.record, file.uid, keep_seconds=0)
        except (DirectoryUnavailable, StaleGeneration) as error:
            log.warning("a name could not be given back", session=file.id, error=str(error))
            self._membership.tell_again()

    async def _ask(self, file: SessionFile, base: str) -> str | Taken:
        return await self._directory.claim(
            self._membership.record,
            file.uid,
            base,
            only=file.only,
            created_at=file.created_at,
            token_hash=file.token_hash,
        )

    async def _conflict(self, file: SessionFile, taken: Taken) -> Conflict:
        """A name is an agent's while it runs; but somebody may have given it to a plain session."""
        with suppress(DirectoryUnavailable):
            holder = await self._directory.find(taken.uid)
            if holder is not None and holder.summary.get("agent_id", file.agent_id) != file.agent_id:
                return Conflict(f'"{taken.id}" is the name of another session', session_id=taken.id)
        return Conflict(f'agent "{file.agent_name or file.title}" is already running', session_id=taken.id)
