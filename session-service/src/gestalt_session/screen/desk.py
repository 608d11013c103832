"""What the screen process does with what the worker says: who is behind catches up, slice by slice, in turn. Blocking.

Sans-IO but for the journals: messages in, answers out.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import structlog

from gestalt_session.screen.engine import Engine, Stuck, TooLarge
from gestalt_session.screen.follower import Follower
from gestalt_session.screen.wire import Answer, Failed, Forget, Request, Show, Shown, Written
from gestalt_session.terminal.folder import SessionFolder

CATCH_UP_SECONDS = 1.0
"""How long a request waits for its terminal to catch up: in a flood it is answered with what there is."""

LAST_SECONDS = 0.5
"""How long an ending process may take to keep its screens."""

MOST_FOLLOWED = 64
"""Terminals kept in memory, a megabyte each; others come back from their checkpoints."""

log = structlog.get_logger()


class Desk:
    """The terminals of one worker."""

    def __init__(
        self, engine: Engine, sessions: Path, *, clock: Callable[[], float] = time.monotonic, most: int = MOST_FOLLOWED
    ) -> None:
        self._engine = engine
        self._sessions = sessions
        self._clock = clock
        self._most = most
        self._followers: dict[str, Follower] = {}  # the one used last is the last
        self._waiting: dict[str, None] = {}
        self._refused: set[str] = set()
        self._numbers = 0

    @property
    def busy(self) -> bool:
        """Whether somebody is behind."""
        return bool(self._waiting)

    def take(self, message: Request) -> Answer | None:
        """Do what the worker wants."""
        if isinstance(message, Written):
            self._note(message.uid, message.end)
        elif isinstance(message, Forget):
            self._forget(message.uid)
        else:
            return self._answer(message)
        return None

    def work(self) -> None:
        """One slice for whoever has waited longest."""
        uid = next(iter(self._waiting))
        del self._waiting[uid]
        follower = self._followers.get(uid)
        if follower is not None and self._advance(uid, follower):
            self._waiting[uid] = None

    def close(self) -> None:
        """Keep every screen there is time for, those used last first; the others are read again from further back."""
        deadline = self._clock() + LAST_SECONDS
        for follower in reversed(self._followers.values()):
            if self._clock() < deadline:
                follower.keep_last()

    def _note(self, uid: str, end: int) -> None:
        follower = self._follower(uid)
        if follower is not None:
            follower.tell(end)
            self._waiting.setdefault(uid)

    def _answer(self, wanted: Show) -> Answer:
        self._note(wanted.uid, wanted.end)
        follower = self._followers.get(wanted.uid)
        deadline = self._clock() + CATCH_UP_SECONDS
        while follower is not None and self._clock() < deadline and self._advance(wanted.uid, follower):
            pass
        if self._followers.get(wanted.uid) is not follower or follower is None:
            return Failed(wanted.request, "its output cannot be followed")
        try:
            return _shown(follower, wanted)
        except (Stuck, TooLarge) as error:
            return Failed(wanted.request, str(error))

    def _advance(self, uid: str, follower: Follower) -> bool:
        try:
            return follower.advance()
        except (Stuck, OSError, msgspec.MsgspecError) as error:
            log.warning("a terminal is followed no more", uid=uid, error=str(error))
            self._refused.add(uid)
            follower.drop()
            del self._followers[uid]
            return False

    def _follower(self, uid: str) -> Follower | None:
        known = self._followers.pop(uid, None)
        if known is None:
            known = self._taken_up(uid)
        if known is not None:
            self._followers[uid] = known
            self._make_room()
        return known

    def _taken_up(self, uid: str) -> Follower | None:
        if uid in self._refused:
            return None
        self._numbers += 1
        try:
            return Follower(self._engine, self._numbers, SessionFolder(self._sessions / uid))
        except (Stuck, OSError, msgspec.MsgspecError) as error:
            log.warning("a terminal cannot be followed", uid=uid, error=str(error))
            self._refused.add(uid)
            return None

    def _make_room(self) -> None:
        while len(self._followers) > self._most:
            self._forget(next(iter(self._followers)))

    def _forget(self, uid: str) -> None:
        self._waiting.pop(uid, None)
        self._refused.discard(uid)
        follower = self._followers.pop(uid, None)
        if follower is not None:
            follower.close()


def _shown(follower: Follower, wanted: Show) -> Shown:
    picture = follower.picture(max(wanted.limit, 1))
    return Shown(
        request=wanted.request,
        cursor=follower.offset,
        cols=picture.cols,
        rows=picture.rows,
        row=picture.row,
        col=picture.col,
        title=picture.title,
        location=picture.location,
        prompt=picture.prompt,
        modes=picture.modes,
        lines=follower.lines() if wanted.lines else [],
        redraw=picture.redraw.encode("utf-8", "replace") if wanted.limit else b"",
    )
