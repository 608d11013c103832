"""What the screen process does with what the worker says: who is behind catches up, slice by slice, in turn. Blocking.

Sans-IO but for the journals: messages in, answers out.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import msgspec
import structlog
from msgspec import Struct

from gestalt_session.screen.engine import Engine, Stuck, TooLarge
from gestalt_session.screen.follower import Follower
from gestalt_session.screen.wire import Answer, Answered, Ask, Failed, Forget, Request, Show, Shown, Written
from gestalt_session.terminal.folder import SessionFolder

CATCH_UP_SECONDS = 1.0
"""How long a request waits for its terminal to catch up: in a flood it is answered with what there is."""

ANSWER_SECONDS = 0.5
"""How long a program's question waits for that; then it is answered with what there is."""

WISH_TURNS = 8
"""While somebody waits, terminals that nobody asks for have every eighth slice."""

LAST_SECONDS = 0.5
"""How long an ending process may take to keep its screens."""

MOST_FOLLOWED = 64
"""Terminals kept in memory; others come back from their checkpoints."""

MOST_CELLS_IN_ALL = 10_000_000
"""Of all terminals in memory: 220 MB, beside 50 of the process itself."""

log = structlog.get_logger()


class _Wish(Struct):
    """Somebody wants to know something of a terminal, and waits for it to catch up."""

    message: Show | Ask
    until: float = math.inf
    """From its first turn on: how long it has waited for that says nothing of its terminal."""

    def has_waited(self, now: float) -> bool:
        """Whether it is to be answered with what there is."""
        patience = CATCH_UP_SECONDS if isinstance(self.message, Show) else ANSWER_SECONDS
        self.until = min(self.until, now + patience)
        return now >= self.until


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
        self._wishes: dict[str, deque[_Wish]] = {}
        self._turns = 0
        self._refused: set[str] = set()
        self._numbers = 0

    @property
    def busy(self) -> bool:
        """Whether somebody is behind, or wants to know something."""
        return bool(self._waiting)

    def take(self, message: Request) -> None:
        """Hear what the worker wants."""
        if isinstance(message, Forget):
            self._forget(message.uid)
            return
        self._note(message.uid, message.end)
        if not isinstance(message, Written):
            self._wishes.setdefault(message.uid, deque()).append(_Wish(message))
            self._waiting.setdefault(message.uid)

    def work(self) -> list[Answer]:
        """One slice for one terminal; what can be answered then."""
        uid = self._next()
        del self._waiting[uid]
        follower = self._followers.get(uid)
        more = follower is not None and self._advance(uid, follower)
        answers = self._grant(uid, more=more)
        if more or uid in self._wishes:
            self._waiting[uid] = None
        return answers

    def close(self) -> None:
        """Keep every screen there is time for, those used last first; the others are read again from further back."""
        deadline = self._clock() + LAST_SECONDS
        for follower in reversed(self._followers.values()):
            if self._clock() < deadline:
                follower.keep_last()

    def _next(self) -> str:
        """Whoever has waited longest: of those that somebody waits for, but for one turn in WISH_TURNS."""
        self._turns += 1
        if self._turns % WISH_TURNS == 0 or not self._wishes:
            return next(iter(self._waiting))
        uid = next(iter(self._wishes))
        self._wishes[uid] = self._wishes.pop(uid)
        return uid

    def _note(self, uid: str, end: int) -> None:
        follower = self._follower(uid)
        if follower is not None:
            follower.tell(end)
            self._waiting.setdefault(uid)

    def _grant(self, uid: str, *, more: bool) -> list[Answer]:
        """Answer what its terminal has come far enough for, or will not in time."""
        wishes, follower, answers = self._wishes.get(uid, deque()), self._followers.get(uid), []
        while wishes and not (more and _must_wait(follower, wishes[0], self._clock())):
            answers.append(_answer(follower, wishes.popleft().message))
            more = True
        if not wishes:
            self._wishes.pop(uid, None)
        return answers

    def _advance(self, uid: str, follower: Follower) -> bool:
        wishes = self._wishes.get(uid)
        try:
            return follower.advance(wishes[0].message.end if wishes else None)
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
        """Let go of those that were used longest ago and that nobody waits for; never of the one used now."""
        for uid in [uid for uid in list(self._followers)[:-1] if uid not in self._wishes]:
            if not self._is_full():
                return
            self._forget(uid)

    def _is_full(self) -> bool:
        cells = sum(follower.cells for follower in self._followers.values())
        return len(self._followers) > self._most or cells > MOST_CELLS_IN_ALL

    def _forget(self, uid: str) -> None:
        self._waiting.pop(uid, None)
        self._wishes.pop(uid, None)
        self._refused.discard(uid)
        follower = self._followers.pop(uid, None)
        if follower is not None:
            follower.close()


def _must_wait(follower: Follower | None, wish: _Wish, now: float) -> bool:
    return follower is not None and follower.offset < wish.message.end and not wish.has_waited(now)


def _answer(follower: Follower | None, wanted: Show | Ask) -> Answer:
    if follower is None:
        return Failed(wanted.request, "its output cannot be followed")
    try:
        if isinstance(wanted, Ask):
            return Answered(wanted.request, follower.ask(wanted.question))
        return _shown(follower, wanted)
    except (Stuck, TooLarge) as error:
        return Failed(wanted.request, str(error))


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
