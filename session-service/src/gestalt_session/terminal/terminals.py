"""All terminals of one worker: what the pty hosts say goes to the right session, what sessions need goes to their host.

It knows no HTTP and no Redis; an `Observer` is told what others may want to know.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections import Counter
from pathlib import Path
from typing import Protocol

import structlog
from msgspec import Struct

from gestalt_ptyhost.wire import close_all
from gestalt_session.terminal.budget import Holding, cuts
from gestalt_session.terminal.device import Device
from gestalt_session.terminal.folder import ExitFile, SessionFile, SessionFolder, known_sessions
from gestalt_session.terminal.hosts import Hosts
from gestalt_session.terminal.pacing import Limit
from gestalt_session.terminal.pty_host import CreateFailed, Held, HostGone, PtyHost
from gestalt_session.terminal.pump import Pump
from gestalt_session.terminal.rescue import Rescue
from gestalt_session.terminal.retention import remove_expired
from gestalt_session.terminal.session import Session

WORKER_LOST = "worker lost"

log = structlog.get_logger()


class Limits(Struct, frozen=True):
    """Sizes in bytes (settings of the same names)."""

    journal: int
    segment: int
    budget: int
    hosts: int = 1
    open_files: int | None = None  # what programs start with; None: what we have


class Observer(Protocol):
    """Who is told about sessions."""

    def on_changed(self, session: Session) -> None:
        """Its summary is not what it was."""

    def on_started(self, session: Session) -> None:
        """Its program runs, or has run already."""

    def on_closed(self, session: Session) -> None:
        """Its program has ended."""

    def on_bell(self, session: Session) -> None:
        """Its program rang."""

    def on_resized(self, session: Session) -> None:
        """Its terminal has another size."""

    def on_activity(self, session: Session, *, active: bool) -> None:
        """It writes again, or has fallen quiet."""


class Terminals:
    """The sessions of one slot. Everything runs on the event loop."""

    def __init__(self, slot: Path, limits: Limits, observer: Observer) -> None:
        self.sessions: dict[str, Session] = {}
        self._folder = slot
        self._limits = limits
        self._observer = observer
        self._hosts = Hosts(slot, self, count=limits.hosts, open_files=limits.open_files)
        self._pump = Pump(asyncio.get_running_loop())
        self._numbers: dict[int, Session] = {}
        self._host_of: dict[str, PtyHost] = {}
        self._early: dict[int, tuple[int | None, int]] = {}
        self._next_number = 1
        self.rescue = Rescue(self._hosts, self._host_of, self)

    # -- start and stop --------------------------------------------------------------------------------------------

    async def take_up(self) -> None:
        """Find the hosts of this slot and every session that lies here."""
        held = {terminal.number: (host, terminal) for host in await self._hosts.find() for terminal in host.held}
        known = await asyncio.to_thread(known_sessions, self._folder / "sessions")
        for folder, file in known:
            self._next_number = max(self._next_number, file.number + 1)
            if file.deleted_at is None:
                self._take_up(folder, file, held.pop(file.number, None))
        deleted = {file.uid for _, file in known if file.deleted_at is not None}
        for host, terminal in held.values():
            self._turn_away_or_leave(host, terminal, deleted)
        self._hosts.start_reading()

    def _turn_away_or_leave(self, host: PtyHost, held: Held, deleted: set[str]) -> None:
        """Only what is known to be deleted, or has no file at all, is hung up: a file may be unreadable for a while."""
        uid = str(held.facts["uid"])
        if uid not in deleted and (self._folder / "sessions" / uid / "session.json").exists():
            log.error("a session's file cannot be read; its terminal is left alone", uid=uid)
            close_all(held.descriptors)
            return
        self._turn_away(host, held)

    def _take_up(self, folder: SessionFolder, file: SessionFile, held: tuple[PtyHost, Held] | None) -> None:
        session = self._add(folder, file)
        ended = folder.load_exit()
        if held is not None and held[1].descriptors and ended is None:
            self._host_of[session.uid] = held[0]
            session.adopted(Device(int(held[1].facts["pid"]), held[1].descriptors), held[1].facts.get("limit"))
            return
        if ended is None:
            ended = ExitFile(exit_code=None, ended_at=time.time(), offset=session.journal.end, reason=WORKER_LOST)
        session.was_closed(ended.exit_code, ended.ended_at, ended.reason)
        if not ended.told:
            self._tell_closed(session)
        if held is not None:
            close_all(held[1].descriptors)
            held[0].forget(file.number)

    def on_unclaimed(self, host: PtyHost, held: Held) -> None:
        """It was started too late: its session has been given up."""
        self._turn_away(host, held)

    def _turn_away(self, host: PtyHost, held: Held) -> None:
        """A terminal that no session claims: its session was deleted, or given up, while nobody could end it."""
        log.warning("a terminal without a session is hung up", number=held.number)
        if held.descriptors:
            device = Device(int(held.facts["pid"]), held.descriptors)
            device.hang_up()
            device.close()
        host.forget(held.number)

    def _add(self, folder: SessionFolder, file: SessionFile) -> Session:
        session = Session(file, folder, pump=self._pump, listener=self, journal_cap=self._limits.journal)
        self.sessions[file.uid] = session
        self._numbers[file.number] = session
        return session

    def stop(self) -> None:
        """Leave every terminal to its host."""
        for session in self.sessions.values():
            session.abandon()
        self._hosts.close()

    # -- making and ending -----------------------------------------------------------------------------------------

    def take_number(self) -> int:
        """A number for the wire that no session of this slot has had."""
        self._next_number += 1
        return self._next_number - 1

    async def open(self, file: SessionFile, env: dict[str, str]) -> Session:
        """Start the program of a new session. Raises CreateFailed, HostFailed, HostGone, TimeoutError."""
        folder = SessionFolder(self._folder / "sessions" / file.uid)
        host = await self._hosts.for_new(Counter(self._host_of.values()))
        file.host = host.path.name
        await asyncio.to_thread(_prepare, folder, file)
        session = self._add(folder, file)
        self._host_of[file.uid] = host
        try:
            held = await host.create(file.number, self.order(file, folder) | _start_of(file, env))
        except (CreateFailed, HostGone, TimeoutError) as error:
            session.failed(str(error))
            self.remove(session)
            await asyncio.to_thread(shutil.rmtree, folder.path, ignore_errors=True)
            raise
        session.started(Device(int(held.facts["pid"]), held.descriptors))
        self._observer.on_started(session)
        self._end_early(session)
        return session

    def _end_early(self, session: Session) -> None:
        """A short program has ended before its start was noted."""
        told = self._early.pop(session.file.number, None)
        if told is not None:
            self.on_exit(session.file.number, *told)

    def order(self, file: SessionFile, folder: SessionFolder) -> dict[str, object]:
        """What a host is told of a session, new or not."""
        return {
            "uid": file.uid,
            "journal": str(folder.journal),
            "cap": self._limits.journal,
            "segment": self._limits.segment,
        }

    def remove(self, session: Session) -> None:
        """Take an ended session off the list; what it wrote stays on disk."""
        self.sessions.pop(session.uid, None)
        self._numbers.pop(session.file.number, None)
        self._host_of.pop(session.uid, None)
        self._early.pop(session.file.number, None)

    async def remove_expired(self, before: float) -> None:
        """Remove what sessions deleted before that moment wrote."""
        removed = await asyncio.to_thread(remove_expired, self._folder / "sessions", before)
        if removed:
            log.info("the journals of deleted sessions were removed", count=len(removed))

    # -- what hosts say --------------------------------------------------------------------------------------------

    def on_data(self, number: int, offset: int, data: bytes) -> None:
        """Hand the bytes to their session."""
        session = self._numbers.get(number)
        if session is not None:
            session.on_data(offset, data)

    def on_end(self, number: int, end: int) -> None:
        """Tell the session how far its journal reaches."""
        session = self._numbers.get(number)
        if session is not None:
            session.on_end(end)

    def on_segment(self, number: int, start: int, base: int) -> None:
        """Tell the session's journal."""
        session = self._numbers.get(number)
        if session is not None:
            session.journal.rotated(start, base)

    def on_hole(self, number: int, start: int, length: int) -> None:
        """Tell the session what the disk could not take."""
        session = self._numbers.get(number)
        if session is not None:
            log.error("the disk is full: output is not kept", session=session.id, bytes=length)
            session.on_hole(start, length)

    def on_exit(self, number: int, exit_code: int | None, end: int) -> None:
        """Note the end of a program."""
        session = self._numbers.get(number)
        if session is None:
            return
        if session.live and session.device is None:
            self._early[number] = (exit_code, end)
            return
        session.on_end(end)
        session.exited(exit_code, time.time())
        host = self._host_of.pop(session.uid, None)
        if host is not None:
            host.forget(number)
        self._tell_closed(session)

    def _tell_closed(self, session: Session) -> None:
        """Tell that a program has ended, and note that it was told: the next worker would tell it again."""
        self._observer.on_closed(session)
        exit_file = ExitFile(
            exit_code=session.exit_code,
            ended_at=session.closed_at or time.time(),
            offset=session.journal.end,
            reason=session.close_reason,
            told=True,
        )
        try:
            session.folder.save_exit(exit_file)
        except OSError as error:  # a full disk: it is told once more by the next worker
            log.warning("an exit could not be noted", session=session.id, error=str(error))

    def on_not_adopted(self, host: PtyHost, number: int, refusal: CreateFailed) -> None:
        """It is handed over again."""
        session = self._numbers.get(number)
        if session is not None:
            self.rescue.refused(host, session, refusal)

    def on_host_gone(self, host: PtyHost) -> None:
        """Its terminals go to another."""
        self.rescue.lost(host)

    # -- care ------------------------------------------------------------------------------------------------------

    async def ping_forever(self) -> None:
        """See Hosts.ping_forever."""
        await self._hosts.ping_forever()

    def settle(self) -> None:
        """Housekeeping, once a second."""
        now = time.monotonic()
        for session in self.sessions.values():
            session.settle(now)
        self._keep_budget()

    def _keep_budget(self) -> None:
        holdings = [Holding(s.uid, s.journal.end - s.journal.base, s.live) for s in self.sessions.values()]
        for uid, size in cuts(holdings, self._limits.budget, 2 * self._limits.segment).items():
            session = self.sessions[uid]
            host = self._host_of.get(uid)
            if host is not None:
                host.cap(session.file.number, size)
                session.audience.capacity = size
            elif not session.live:
                session.journal.drop_before(session.journal.end - size)

    # -- what sessions say -----------------------------------------------------------------------------------------

    def on_changed(self, session: Session) -> None:
        """Pass it on."""
        self._observer.on_changed(session)

    def on_bell(self, session: Session) -> None:
        """Pass it on."""
        self._observer.on_bell(session)

    def on_resized(self, session: Session) -> None:
        """Pass it on."""
        self._observer.on_resized(session)

    def on_activity(self, session: Session, *, active: bool) -> None:
        """Pass it on."""
        self._observer.on_activity(session, active=active)

    def on_pace(self, session: Session, limit: Limit | None) -> None:
        """Tell the host where to stop reading this terminal."""
        host = self._host_of.get(session.uid)
        if host is not None:
            host.limit(session.file.number, limit)


def _prepare(folder: SessionFolder, file: SessionFile) -> None:
    folder.make()
    folder.save(file)
    folder.note_size(file, 0)


def _start_of(file: SessionFile, env: dict[str, str]) -> dict[str, object]:
    return {"argv": file.argv, "env": env, "cwd": file.cwd, "cols": file.cols, "rows": file.rows}
