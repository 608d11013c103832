"""The Agents hub: one session per workspace that shows the windows of tmux, for people without a shell on the machine.

It comes with the first session in tmux, is a session like any other (a terminal with a tmux client in it), ends with
the last window, and is made anew with the next. Its name in Redis decides which worker has it.
"""

from __future__ import annotations

import asyncio
import shlex
import time
from collections.abc import Iterable, Mapping
from typing import Any

import structlog

from gestalt_contracts import events
from gestalt_contracts.errors import Conflict, GestaltError
from gestalt_contracts.uids import new_uid
from gestalt_session.cluster import announcements
from gestalt_session.service import SessionService
from gestalt_session.terminal.folder import TMUX_RUNNER, SessionFile
from gestalt_session.terminal.launch import DEFAULT_COLS, DEFAULT_ROWS

TITLE, ROLE = "Agents", "agents-hub"
LOOK_SECONDS, LONGEST_LOOK_SECONDS = 2.0, 60.0
NO_NAME = ""  # its id is a number alone, which no title gives
UNNESTED = ("env", "-u", "TMUX")
"""tmux would refuse to run inside another one, in which `gestalt up` may have been started."""

log = structlog.get_logger()


def next_pause(pause: float, *, again: bool) -> float:
    """Seconds until the next look; a hub that ends `again` and again would fill the disk with what it leaves."""
    return min(2 * pause, LONGEST_LOOK_SECONDS) if again else LOOK_SECONDS


class AgentsHub:
    """Keeps the hub of this workspace."""

    def __init__(self, service: SessionService) -> None:
        self._service = service

    async def ensure(self) -> bool:
        """Start the hub unless a worker has one; whether it was started.

        That it cannot be started keeps no other session from starting.
        """
        try:
            await self._remove_ended()
            session = await self._service.make(self._file(), {}, base=NO_NAME)
        except Conflict:
            return False  # it is there
        except (GestaltError, OSError) as error:
            log.warning("the agents hub could not be started", error=str(error))
            return False
        ready = {"agents_session_id": session.id, "agents_tmux_session": self._service.terminals.tmux.title}
        self._service.outbox.put(announcements.about(session, events.AGENTS_HUB_READY, **ready))
        return True

    async def keep_forever(self) -> None:
        """Make it anew where it has ended and there are windows to show: it may have ended with another slot's last."""
        pause = LOOK_SECONDS
        while True:
            await asyncio.sleep(pause)
            try:
                pause = next_pause(pause, again=await self._look_after())
            except Exception:
                log.exception("the agents hub could not be looked after")

    async def _look_after(self) -> bool:
        """Whether it had to be made anew."""
        await self._remove_ended()
        shows = any(session.live and session.file.runner == TMUX_RUNNER for session in self._service.listed())
        return shows and await self.ensure()

    async def _remove_ended(self) -> None:
        """One that has ended says nothing to anybody, and its name is wanted."""
        for session in self._service.listed():
            if session.file.role == ROLE and session.id.isdigit() and not session.live:
                await self._service.delete(session)

    def facts(self, summaries: Iterable[Mapping[str, Any]]) -> dict[str, str]:
        """What the status says of it; nothing while there is none."""
        for summary in summaries:
            if summary.get("role") == ROLE and summary["id"].isdigit() and summary["status"] in {"starting", "running"}:
                return {"agents_session_id": summary["id"], "agents_tmux_session": self._service.terminals.tmux.title}
        return {}

    def _file(self) -> SessionFile:
        tmux = self._service.terminals.tmux
        return SessionFile(
            uid=new_uid(),
            id="",
            number=self._service.terminals.take_number(),
            host="",
            title=TITLE,
            role=ROLE,
            command=shlex.join(tmux.attaching),
            argv=[*UNNESTED, *tmux.attaching],
            cwd=str(tmux.tmux.slot),
            cols=DEFAULT_COLS,
            rows=DEFAULT_ROWS,
            created_at=time.time(),
            only=True,
        )
