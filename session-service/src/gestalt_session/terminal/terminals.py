"""All terminals of one worker: what the pty hosts say goes to the right session, what sessions need goes to their host.

It knows no HTTP and no Redis; an `Observer` is told what others may want to know.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections import Counter
from pathlib import Path

import structlog

from gestalt_ptyhost.wire import close_all
from gestalt_session.terminal.budget import Holding, cuts
from gestalt_session.terminal.device import Device
from gestalt_session.terminal.folder import TMUX_RUNNER, ExitFile, SessionFile, SessionFolder, known_sessions
from gestalt_session.terminal.hosts import HostFailed, Hosts
from gestalt_session.terminal.observer import Observer
from gestalt_session.terminal.orders import Limits
from gestalt_session.terminal.pacing import Limit
from gestalt_session.terminal.pty_host import CreateFailed, Held, HostGone, PtyHost
from gestalt_session.terminal.pump import Pump
from gestalt_session.terminal.rescue import Rescue
from gestalt_session.terminal.retention import remove_expired
from gestalt_session.terminal.session import Session
from gestalt_session.terminal.signboard import Subject
from gestalt_session.terminal.tmux.commands import TmuxFailed, TmuxUnavailable
from gestalt_session.terminal.tmux.pane import Pane
from gestalt_session.terminal.tmux.runner import TmuxRunner
from gestalt_session.terminal.tmux.windows import Window

WORKER_LOST = "worker lost"

log = structlog.get_logger()


class Terminals:
    """The sessions of one slot. Everything runs on the event loop."""

    def __init__(self, slot: Path, limits: Limits, observer: Observer) -> None:
        self.sessions: dict[str, Session] = {}
        self._folder = slot
        self._limits = limits
        self._observer = observer
        self._hosts = Hosts(slot, self, count=limits.hosts, open_files=limits.open_files)
        self.tmux = TmuxRunner(slot, limits.tmux_title, open_files=limits.open_files)
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
        windows = await self.tmux.found()
        known = await asyncio.to_thread(known_sessions, self._folder / "sessions")
        unheld = []
        for folder, file in known:
            self._next_number = max(self._next_number, file.number + 1)
            if file.number not in held and file.uid in windows and file.deleted_at is None and not folder.has_ended:
                unheld.append((folder, file, windows.pop(file.uid)))
            elif file.deleted_at is None:
                self._take_up(folder, file, held.pop(file.number, None), windows)
        deleted = {file.uid for _, file in known if file.deleted_at is not None}
        for host, terminal in held.values():
            self._turn_away_or_leave(host, terminal, deleted)
        self._hosts.start_reading()
        for folder, file, window in unheld:
            await self._revive(folder, file, window)
        await self.tmux.close_strays(windows, {file.uid for _, file in known})

    def _turn_away_or_leave(self, host: PtyHost, held: Held, deleted: set[str]) -> None:
        """Only what is known to be deleted, or has no file at all, is hung up: a file may be unreadable for a while."""
        uid = str(held.facts["uid"])
        if uid not in deleted and (self._folder / "sessions" / uid / "session.json").exists():
            log.error("a session's file cannot be read; its terminal is left alone", uid=uid)
            close_all(held.descriptors)
            return
        self._turn_away(host, held)

    def _take_up(
        self,
        folder: SessionFolder,
        file: SessionFile,
        held: tuple[PtyHost, Held] | None,
        windows: dict[str, Window],
    ) -> None:
        session = self._add(folder, file)
        ended = folder.load_exit()
        if held is not None and held[1].descriptors and ended is None:
            self._host_of[session.uid] = held[0]
            pid, descriptors = int(held[1].facts["pid"]), held[1].descriptors
            if file.runner == TMUX_RUNNER:
                session.adopted(self.tmux.take_up(pid, descriptors, windows.pop(file.uid, None)))
            else:
                facts = held[1].facts
                session.adopted(Device(pid, descriptors), facts.get("limit"), facts.get("viewers"))
            return
        if ended is None:
            ended = ExitFile(exit_code=None, ended_at=time.time(), offset=session.journal.end, reason=WORKER_LOST)
        session.was_closed(ended.exit_code, ended.ended_at, ended.reason)
        if not ended.told:
            self._tell_closed(session)
        if held is not None:
            close_all(held[1].descriptors)
            held[0].forget(file.number)

    async def _revive(self, folder: SessionFolder, file: SessionFile, window: Window) -> None:
        """Its host died while no worker was there; tmux went on, and its output waits."""
        pane = await self.tmux.revive(window, folder)
        if pane is None or not await self._read_again(pane, folder, file):
            self._take_up(folder, file, None, {})

    async def _read_again(self, pane: Pane, folder: SessionFolder, file: SessionFile) -> bool:
        session = self._add(folder, file)
        try:
            self._host_of[file.uid] = host = await self._hosts.for_new(Counter(self._host_of.values()))
            order = self._limits.adoption(file, folder, pane)
            await host.take(file.number, session.journal.end, order, pane.descriptors)
        except (HostFailed, CreateFailed, HostGone, TimeoutError) as error:
            log.error("a tmux window could not be taken up", session=file.id, error=str(error))  # noqa: TRY400
            self.remove(session)
            await self.tmux.drop(pane)
            return False
        session.adopted(pane, None)
        self._end_early(session)
        return True

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
        session = Session(
            *(file, folder), pump=self._pump, listener=self, journal_cap=self._limits.journal, look=self._limits.look
        )
        self.sessions[file.uid] = session
        self._numbers[file.number] = session
        return session

    def stop(self) -> None:
        """Leave every terminal to its host."""
        for session in self.sessions.values():
            session.abandon()
        self.tmux.stop()
        self._hosts.close()

    # -- making and ending -----------------------------------------------------------------------------------------

    def take_number(self) -> int:
        """A number for the wire that no session of this slot has had."""
        self._next_number += 1
        return self._next_number - 1

    async def open(self, file: SessionFile, env: dict[str, str]) -> Session:
        """Start the program of a new session.

        Raises CreateFailed, HostFailed, HostGone, OSError; in tmux also TmuxFailed, TmuxUnavailable.
        """
        folder = SessionFolder(self._folder / "sessions" / file.uid)
        host = await self._hosts.for_new(Counter(self._host_of.values()))
        file.host = host.path.name
        await asyncio.to_thread(_prepare, folder, file)
        session = self._add(folder, file)
        self._host_of[file.uid] = host
        try:
            device = await (self._window if file.runner == TMUX_RUNNER else self._program)(host, file, folder, env)
        except (CreateFailed, HostGone, OSError, TmuxFailed, TmuxUnavailable) as error:
            session.failed(str(error))
            self.remove(session)
            await asyncio.to_thread(shutil.rmtree, folder.path, ignore_errors=True)
            raise
        session.started(device)
        self._observer.on_started(session)
        self._end_early(session)
        return session

    async def _program(self, host: PtyHost, file: SessionFile, folder: SessionFolder, env: dict[str, str]) -> Device:
        held = await host.create(file.number, self._limits.start(file, folder, env))
        return Device(int(held.facts["pid"]), held.descriptors)

    async def _window(self, host: PtyHost, file: SessionFile, folder: SessionFolder, env: dict[str, str]) -> Pane:
        pane = await self.tmux.open(file, folder, env)
        try:
            await host.take(file.number, 0, self._limits.adoption(file, folder, pane), pane.descriptors)
        except BaseException:
            await asyncio.shield(self.tmux.drop(pane))
            raise
        return pane

    def _end_early(self, session: Session) -> None:
        """A short program has ended before its start was noted."""
        told = self._early.pop(session.file.number, None)
        if told is not None:
            self.on_exit(session.file.number, *told)

    def order(self, file: SessionFile, folder: SessionFolder) -> dict[str, object]:
        """What a host is told of a session, new or not."""
        return self._limits.keeping(file, folder)

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

    def on_adopted(self, number: int, end: int) -> None:
        """Let the session look at its journal again."""
        session = self._numbers.get(number)
        if session is not None:
            session.on_adopted(end)

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
        if session.file.runner == TMUX_RUNNER:
            self.tmux.ended(session)
        else:
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
        holdings = [Holding(s.uid, s.journal.kept, s.live) for s in self.sessions.values()]
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

    def on_signed(self, session: Session, subject: Subject) -> None:
        """Pass it on."""
        self._observer.on_signed(session, subject)

    def on_question(self, session: Session, end: int, question: bytes) -> asyncio.Future[bytes]:
        """Pass it on."""
        return self._observer.on_question(session, end, question)

    def on_resized(self, session: Session) -> None:
        """Pass it on."""
        self._observer.on_resized(session)

    def on_activity(self, session: Session, *, active: bool) -> None:
        """Pass it on."""
        self._observer.on_activity(session, active=active)

    def on_pace(self, session: Session, limit: Limit | None) -> None:
        """Tell the host where to stop reading this terminal; tmux would not stop, only gather what is not read."""
        host = self._host_of.get(session.uid)
        if host is not None and session.file.runner != TMUX_RUNNER:
            host.limit(session.file.number, limit)


def _prepare(folder: SessionFolder, file: SessionFile) -> None:
    folder.make()
    folder.save(file)
    folder.note_size(file, 0)
