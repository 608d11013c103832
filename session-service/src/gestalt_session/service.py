"""What the API does with sessions: create, find, change, delete; with names from the directory and words to the bus."""

from __future__ import annotations

import asyncio
import errno
import time
from collections.abc import Iterable, Mapping
from itertools import count
from pathlib import Path
from typing import Any, Protocol
from weakref import WeakValueDictionary

import structlog
from msgspec import Struct

from gestalt_contracts import events, session_tokens
from gestalt_contracts.directory import Directory, DirectoryUnavailable, SessionRecord, StaleGeneration
from gestalt_contracts.errors import GestaltError, InvalidRequest, Misdirected, NotFound, Unavailable
from gestalt_contracts.events import Cause
from gestalt_session.cluster import announcements
from gestalt_session.cluster.claims import NO_REDIS, Claims
from gestalt_session.cluster.membership import Membership
from gestalt_session.cluster.outbox import Outbox
from gestalt_session.screen.process import Screens
from gestalt_session.terminal import launch, pointers
from gestalt_session.terminal.folder import SERVER_RUNNER, TMUX_RUNNER, SessionFile
from gestalt_session.terminal.hosts import HostFailed
from gestalt_session.terminal.pty_host import CreateFailed, HostGone
from gestalt_session.terminal.session import Session
from gestalt_session.terminal.signboard import Subject
from gestalt_session.terminal.summary import summary
from gestalt_session.terminal.terminals import Terminals
from gestalt_session.terminal.termination import terminate
from gestalt_session.terminal.tmux.commands import UNAVAILABLE, TmuxFailed, TmuxUnavailable

TIDY_SECONDS = 1.0
SHORTAGES = frozenset(
    {errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.EDQUOT, errno.ESHUTDOWN}
)
"""Why no program at all can be started now: not the caller's mistake."""
RETENTION_TURNS = 60  # what is kept for days need not be looked at more than once a minute

log = structlog.get_logger()


class Rules(Struct, frozen=True):
    """What the settings say about sessions."""

    workspace: Path
    shell: str
    inherited: Mapping[str, str]
    pass_env: tuple[str, ...]
    url: str
    closed_ttl: float
    retention: float
    ack_window: int = 512 * 1024


class LaunchFailed(GestaltError):
    """The program could not be started; the message says why."""

    status = 400


class Cast(Protocol):
    """What makes a new session more than the order says: an agent's."""

    async def prepare(self, file: SessionFile) -> None:
        """Before its name is claimed. Raises GestaltError."""

    async def named(self, file: SessionFile) -> Mapping[str, str]:
        """It has its name: complete the file, and say which variables the program gets. Raises GestaltError."""


class SessionService:
    """The sessions of this worker, for routes and sockets. It is the observer of its terminals."""

    def __init__(self, rules: Rules, directory: Directory, outbox: Outbox) -> None:
        self.rules = rules
        self.outbox = outbox
        self.directory = directory
        self.terminals: Terminals
        self.membership: Membership
        self.screens: Screens
        self._making: set[str] = set()
        self._unwanted: set[str] = set()
        self._deletions: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    # -- finding ---------------------------------------------------------------------------------------------------

    def listed(self) -> Iterable[Session]:
        """Every session this worker lists, by creation."""
        return sorted(self.terminals.sessions.values(), key=lambda session: (session.file.created_at, session.uid))

    def held(self, ref: str, forwarded_uid: str | None = None) -> Session:
        """The session of an id or uid. Raises NotFound, or Misdirected when the gateway thought it were ours."""
        if not ref.strip():
            raise InvalidRequest("missing terminal id")
        session = self.terminals.sessions.get(forwarded_uid or ref) or self._by_id(ref, forwarded_uid)
        if session is not None:
            return session
        if forwarded_uid is not None:
            raise Misdirected(f"session {forwarded_uid} is not held by this worker")
        raise NotFound("terminal not found")

    def _by_id(self, ref: str, forwarded_uid: str | None) -> Session | None:
        if forwarded_uid is not None:
            return None
        return next((session for session in self.terminals.sessions.values() if session.id == ref), None)

    def summary(self, session: Session) -> dict[str, Any]:
        """The public object, exact as of now."""
        return summary(session, self.membership.record.id)

    # -- creating --------------------------------------------------------------------------------------------------

    async def create(
        self, order: launch.Order, *, uid: str, cast: Cast | None = None, cause: Cause | None = None
    ) -> Session:
        """Start a session, for a flow if there is a `cause`.

        Raises InvalidRequest, Conflict, LaunchFailed, Unavailable, and what `cast` raises.
        """
        await self._refuse_if_draining()
        await self._refuse_without_tmux(order)
        file = await asyncio.to_thread(self._file_of, order, uid)
        file.cause = cause
        if cast is not None:
            await cast.prepare(file)
        return await self.make(file, order.env or {}, base=file.title, cast=cast)

    async def make(
        self, file: SessionFile, given: Mapping[str, str], *, base: str, cast: Cast | None = None
    ) -> Session:
        """Claim a name that begins with `base` and start the program, with `given` in its environment.

        Raises Conflict when there may be only one and it is there, LaunchFailed, Unavailable, and what `cast` raises.
        """
        self._making.add(file.uid)
        try:
            token = session_tokens.new_token(file.uid)
            file.token_hash = session_tokens.hash_of(token)
            await Claims(self.directory, self.membership).claim(file, base)
            return await self._start(file, given, cast, token)
        finally:
            self._making.discard(file.uid)

    async def _start(self, file: SessionFile, given: Mapping[str, str], cast: Cast | None, token: str) -> Session:
        try:
            await self._make_room(file.id)
            of_cast = await cast.named(file) if cast is not None else {}
            variables = pointers.given({**of_cast, **given}, file, self.rules.url, token)
            env = launch.environment(self.rules.inherited, self.rules.pass_env, variables)
            session = await self.terminals.open(file, env)
        except GestaltError:
            await Claims(self.directory, self.membership).give_back(file)
            raise
        except (CreateFailed, HostFailed, HostGone, TmuxFailed, TmuxUnavailable, TimeoutError, OSError) as error:
            await Claims(self.directory, self.membership).give_back(file)
            raise _as_refusal(error) from error
        await self._write(session)
        return session

    def is_making(self, uid: str) -> bool:
        """Whether its name is claimed, or about to be, and its program not listed yet."""
        return uid in self._making

    async def _refuse_if_draining(self) -> None:
        """Our own record may be a beat old: who was told to work again by another worker does so at once."""
        try:
            draining = self.membership.record.state == "draining" and await self.membership.is_draining()
        except DirectoryUnavailable as error:
            raise Unavailable(NO_REDIS) from error
        if draining:
            raise Unavailable("this worker takes no new sessions")

    async def _refuse_without_tmux(self, order: launch.Order) -> None:
        if order.runner == TMUX_RUNNER:
            try:
                await self.terminals.tmux.available()
            except TmuxUnavailable as error:
                log.warning(UNAVAILABLE, reason=str(error))
                raise Unavailable(UNAVAILABLE) from error

    def _file_of(self, order: launch.Order, uid: str) -> SessionFile:
        launch.refuse_nul(order)
        program = launch.program(order, self.rules.shell)
        cols, rows = launch.size(order)
        return SessionFile(
            uid=uid,
            id="",
            number=self.terminals.take_number(),
            host="",
            title=launch.base_name(order.title),
            role=order.role or "",
            command=program.command,
            argv=program.argv,
            cwd=str(launch.directory(order, self.rules.workspace)),
            cols=cols,
            rows=rows,
            created_at=time.time(),
            labels=order.labels or {},
            runner=order.runner or SERVER_RUNNER,
        )

    async def _make_room(self, session_id: str) -> None:
        """A new start takes the place of a closed session of ours in the list."""
        for other in list(self.terminals.sessions.values()):
            if other.id == session_id:
                await self.replaced(other.uid)

    async def _write(self, session: Session) -> None:
        try:
            await self.membership.write_now(session)
        except (DirectoryUnavailable, StaleGeneration):
            self.membership.changed(session)  # the next beat writes it

    # -- ending ----------------------------------------------------------------------------------------------------

    async def delete(self, session: Session) -> None:
        """End the programs, close the viewers, take the session off the list; its history stays for its retention.

        Whoever asks while somebody else has begun waits for the same end.
        """
        deletion = self._deletions.setdefault(session.uid, asyncio.Lock())
        async with deletion:
            if session.uid in self.terminals.sessions:
                await self._delete(session)

    async def _delete(self, session: Session) -> None:
        if session.live:
            session.deleting()
            await self._write(session)
            if not await terminate(session):
                raise Unavailable(f"session {session.id} could not be ended in time")
        await self._retire(session)

    async def _retire(self, session: Session) -> None:
        session.file.deleted_at = time.time()
        await asyncio.to_thread(session.folder.save, session.file)
        self.terminals.remove(session)
        self.membership.forget(session)
        self.screens.forget(session.uid)
        try:
            await self.directory.end(self.membership.record, session.uid, keep_seconds=self.rules.retention)
        except (DirectoryUnavailable, StaleGeneration) as error:
            log.warning("the directory lists a deleted session", session=session.id, error=str(error))
            self.membership.tell_again()

    async def end_unwanted(self, record: SessionRecord) -> None:
        """Deleted, or its name taken, while this worker was away: it is ended in the background of the next beats."""
        self._unwanted.add(record.uid)
        session = self.terminals.sessions.get(record.uid)
        if session is not None and session.live:
            session.deleting()

    async def replaced(self, uid: str) -> None:
        """A session has left the list: if it is ours and closed, its agent was started again."""
        session = self.terminals.sessions.get(uid)
        if session is not None and not session.live:
            await self.delete(session)

    async def tidy_forever(self) -> None:
        """End what is unwanted, take closed sessions off the list when their time is over, then what they wrote."""
        for turn in count():
            await asyncio.sleep(TIDY_SECONDS)
            for session in list(self.terminals.sessions.values()):
                if self._is_over(session):
                    await self._tidy(session)
            if turn % RETENTION_TURNS == 0:
                await self._forget_expired()

    def _is_over(self, session: Session) -> bool:
        expired = session.closed_at is not None and time.time() - session.closed_at > self.rules.closed_ttl
        return expired or session.uid in self._unwanted

    async def _tidy(self, session: Session) -> None:
        """One that cannot be ended now does not keep the others from it, and is tried again."""
        try:
            await self.delete(session)
            self._unwanted.discard(session.uid)
        except Exception:
            log.exception("a session could not be ended", session=session.id)

    async def _forget_expired(self) -> None:
        try:
            await self.terminals.remove_expired(time.time() - self.rules.retention)
        except Exception:
            log.exception("what deleted sessions wrote could not be removed")

    # -- changing --------------------------------------------------------------------------------------------------

    async def relabel(self, session: Session, title: str | None, labels: dict[str, str] | None) -> None:
        """PATCH: a key given replaces its value whole."""
        if title is not None:
            session.file.title = launch.sanitise(title) or session.file.title
        if labels is not None:
            session.file.labels = labels
        await asyncio.to_thread(session.folder.save, session.file)
        await self._write(session)

    async def show(self, session: Session) -> None:
        """Bring its tmux window to the front."""
        try:
            shown = await self.terminals.tmux.show(session.uid)
        except (TmuxFailed, TmuxUnavailable) as error:
            raise Unavailable("failed to activate tmux window") from error
        if not shown:
            raise Unavailable("tmux session not found; start an agent to recreate it")

    # -- observing the terminals -----------------------------------------------------------------------------------

    def on_changed(self, session: Session) -> None:
        """Its record is written with the next beat, and its screen follows."""
        self.membership.changed(session)
        if session.journal.end:  # a terminal that was never written to is empty, and need not be kept
            self.screens.written(session.uid, session.journal.end)

    def on_started(self, session: Session) -> None:
        """Tell the bus."""
        self.outbox.put(announcements.created(session))
        if session.file.agent_id is not None:
            self.outbox.put(announcements.agent(session, events.AGENT_STARTED))

    def on_closed(self, session: Session) -> None:
        """Tell the bus."""
        self.outbox.put(announcements.closed(session))
        if session.file.agent_id is not None:
            self.outbox.put(announcements.agent(session, events.AGENT_STOPPED))
            self.membership.write_soon(session)  # whoever starts the agent again need not wait for a beat

    def on_bell(self, session: Session) -> None:
        """Tell the bus."""
        self.outbox.put(announcements.about(session, events.TERMINAL_BELL))

    def on_signed(self, session: Session, subject: Subject) -> None:
        """Its record is written with the next beat; tell the bus."""
        self.membership.changed(session)
        self.outbox.put(announcements.signed(session, subject))

    def on_question(self, session: Session, end: int, question: bytes) -> asyncio.Future[bytes]:
        """Ask the screen process."""
        return self.screens.ask(session.uid, end, question)

    def on_resized(self, session: Session) -> None:
        """Tell the bus."""
        self.outbox.put(announcements.resized(session))

    def on_activity(self, session: Session, *, active: bool) -> None:
        """Tell the bus."""
        self.outbox.put(announcements.about(session, events.TERMINAL_ACTIVE if active else events.TERMINAL_IDLE))


def _as_refusal(error: Exception) -> GestaltError:
    if isinstance(error, CreateFailed) and error.errno not in SHORTAGES:
        return LaunchFailed(f"failed to start: {error}")
    return Unavailable(f"no terminal can be started now: {error}")
