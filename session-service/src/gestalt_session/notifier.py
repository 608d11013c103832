"""Taking a hook's word: one notification, one event for flows, both durably queued before the hook is answered."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from weakref import WeakValueDictionary

import structlog
from msgspec.structs import replace

from gestalt_contracts.bus import Bus, BusUnavailable
from gestalt_contracts.channels import Names, Stream
from gestalt_contracts.errors import InvalidRequest, Unavailable
from gestalt_contracts.events import Event, rfc3339
from gestalt_contracts.tracing import current_traceparent
from gestalt_session.cluster import announcements
from gestalt_session.cluster.outbox import Outbox
from gestalt_session.notices.fields import fields_of
from gestalt_session.notices.kinds import TURN_COMPLETE, canonical
from gestalt_session.notices.notice import Notice
from gestalt_session.notices.progress import Progress, normalised, progress_of
from gestalt_session.terminal.session import Session

PROMPT_TYPES = frozenset({"prompt-text", "prompt-voice"})
LONGEST_KEY = 128  # characters of an event id that become part of a key's name; longer ones are hashed

log = structlog.get_logger()


class Notifier:
    """`branch`: the workspace's git branch, empty outside git."""

    def __init__(self, bus: Bus, outbox: Outbox, names: Names, branch: Callable[[], Awaitable[str]]) -> None:
        self._bus = bus
        self._outbox = outbox
        self._names = names
        self._branch = branch
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def check(self, session: Session, notice: Notice) -> None:
        """The refusals that need the session. Raises InvalidRequest, Unprocessable."""
        if session.file.agent_id is None:
            raise InvalidRequest("terminal is not an agent session")
        if notice.tells_progress:
            progress_of(notice, "")

    async def take(self, session: Session, notice: Notice, *, retry: str = "") -> None:
        """Publish a checked notice; returns when it is durably queued. Raises Unavailable.

        It is published once for its event id; without one, once for `retry`, which names a call that may come again.
        """
        if _occupies(session, notice):
            await asyncio.to_thread(_keep_turn, session)
        turn = self._turns.setdefault(session.uid, asyncio.Lock())
        async with turn:  # progress is kept in the order in which it is published
            if notice.tells_progress:
                await self._take_progress(session, notice, retry)
            elif notice.kind in PROMPT_TYPES:
                await self._publish(session, replace(notice, payload=await self._placed(session, notice)), retry)
            else:
                await self._publish(session, notice, retry)

    async def _take_progress(self, session: Session, notice: Notice, retry: str) -> None:
        progress = progress_of(notice, rfc3339(notice.occurred_at))
        clean = replace(notice, payload=normalised(notice.payload, progress))
        if await self._publish(session, clean, retry):
            await asyncio.to_thread(_keep, session, progress)
            self._outbox.put(announcements.plan_update(session, progress, notice.occurred_at), intake=False)

    async def _placed(self, session: Session, notice: Notice) -> dict[str, object]:
        """A prompt's payload, with where the work stands."""
        payload, known = dict(notice.payload), {"git_branch": "", "plan_file": ""}
        if "git_branch" not in payload:
            known["git_branch"] = await self._branch()
        if "plan_file" not in payload:
            progress = await asyncio.to_thread(session.folder.load_progress)
            known["plan_file"] = progress.plan_file if progress else ""
        return {key: value for key, value in known.items() if value} | payload

    async def _publish(self, session: Session, notice: Notice, retry: str) -> bool:
        """Whether it was new."""
        seen = self._key(session.uid, notice.event_id, retry)
        try:
            id_ = await self._bus.publish(Stream.NOTIFICATIONS, _event(session, notice), intake=True, seen=seen)
        except BusUnavailable as error:
            raise Unavailable("notification sink unavailable", headers={"Retry-After": "1"}) from error
        log.info("notify event accepted", session=session.id, type=notice.kind, repeated=id_ is None)
        return id_ is not None

    def _key(self, uid: str, event_id: str, retry: str) -> str | None:
        if len(event_id) > LONGEST_KEY:
            event_id = hashlib.sha256(event_id.encode("utf-8", "surrogatepass")).hexdigest()
        if event_id:
            return self._names.seen(uid, f"notify/{event_id}")
        return self._names.seen(uid, f"retry/{retry}") if retry else None


def _event(session: Session, notice: Notice) -> Event:
    fields = fields_of(notice, session.id)
    return Event(
        type=fields["type"],
        topic="notify",
        occurred_at=notice.occurred_at,
        session_id=session.id,
        session_uid=session.uid,
        agent_id=session.file.agent_id,
        data=dict(fields),
        cause=notice.cause or session.file.cause,
        traceparent=current_traceparent(),
    )


def _occupies(session: Session, notice: Notice) -> bool:
    """Whether it begins or ends a turn. Unknown types count as a turn's end for flows, but end none."""
    if canonical(notice.kind) in PROMPT_TYPES:
        return session.occupation.prompted()
    return notice.kind == TURN_COMPLETE and session.occupation.turn_ended()


def _keep_turn(session: Session) -> None:
    """For the worker that takes the session up after this one."""
    try:
        session.folder.save(session.file)
    except OSError:
        log.exception("an agent's turn could not be kept", session=session.id)


def _keep(session: Session, progress: Progress) -> None:
    """The event is out already: a full disk must not have the hook send it again."""
    try:
        session.folder.save_progress(progress)
    except OSError:
        log.exception("progress could not be kept", session=session.id)
