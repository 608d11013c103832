"""What becomes of the terminals of a pty host that died: a new host reads on, since the worker holds them too."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, MutableMapping
from typing import Protocol

import structlog

from gestalt_session.terminal.device import Device
from gestalt_session.terminal.folder import SessionFile, SessionFolder
from gestalt_session.terminal.hosts import Hosts
from gestalt_session.terminal.pty_host import CreateFailed, PtyHost
from gestalt_session.terminal.session import Session

PAUSE = 0.5  # between tries to replace a dead host, or to hand a terminal over, when even that fails

log = structlog.get_logger()


class Roster(Protocol):
    """Who knows the sessions."""

    @property
    def sessions(self) -> Mapping[str, Session]:
        """By uid."""

    def order(self, file: SessionFile, folder: SessionFolder) -> dict[str, object]:
        """What a host is told of a session."""

    def on_exit(self, number: int, exit_code: int | None, end: int) -> None:
        """A program has ended."""


class Rescue:
    """Hands terminals over. `host_of` says by uid which host holds a session."""

    def __init__(self, hosts: Hosts, host_of: MutableMapping[str, PtyHost], roster: Roster) -> None:
        self._hosts = hosts
        self._host_of = host_of
        self._roster = roster
        self._lost: asyncio.Queue[PtyHost] = asyncio.Queue()

    def lost(self, host: PtyHost) -> None:
        """The connection to `host` has ended."""
        self._lost.put_nowait(host)

    async def forever(self) -> None:
        """Replace each host that is lost."""
        while True:
            dead = await self._lost.get()
            orphans = [self._roster.sessions[uid] for uid, host in self._host_of.items() if host is dead]
            if not orphans:
                self._hosts.drop(dead)
                continue
            log.error("a pty host died; its terminals are handed over", pid=dead.pid, sessions=len(orphans))
            host = await self._replaced(dead)
            for session in orphans:
                self._take_care(session, host)

    async def _replaced(self, dead: PtyHost) -> PtyHost:
        while True:
            try:
                return await self._hosts.replace(dead)
            except Exception:
                log.exception("no new pty host yet")
                await asyncio.sleep(PAUSE)

    def _take_care(self, session: Session, host: PtyHost) -> None:
        if session.device is None or not session.live:
            return
        try:
            self._end_or_hand_over(session, session.device, host)
        except Exception:
            log.exception("a terminal could not be handed over", session=session.id)

    def _end_or_hand_over(self, session: Session, device: Device, host: PtyHost) -> None:
        """The dead host may have noted an end that it could not tell any more."""
        ended = session.folder.load_exit()
        if ended is None:
            self._hand_over(session, device, host)
        else:
            self._roster.on_exit(session.file.number, ended.exit_code, ended.offset)

    def _hand_over(self, session: Session, device: Device, host: PtyHost) -> None:
        self._host_of[session.uid] = host
        session.journal.rescan()
        order = self._roster.order(session.file, session.folder) | {"pid": device.pid}
        host.adopt(session.file.number, session.journal.end, order, device.descriptors)
        session.pace_anew()

    def refused(self, host: PtyHost, session: Session, refusal: CreateFailed) -> None:
        """A terminal without a reader holds its program: it is handed over again, until it is taken."""
        if self._host_of.get(session.uid) is host and session.device is not None:
            log.error("a pty host does not take a terminal over", session=session.id, error=str(refusal))
            asyncio.get_running_loop().call_later(PAUSE, self._again, session, host)

    def _again(self, session: Session, host: PtyHost) -> None:
        if self._host_of.get(session.uid) is host and not host.gone:
            self._take_care(session, host)
