"""Who watches a session, who was cut off from it, and up to where its program may write for their sake."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from gestalt_session.terminal import pacing
from gestalt_session.terminal.viewer import CLOSED_NORMALLY, SESSION_CLOSED, Viewer

RENEW_SECONDS = 1.0  # the host forgets a limit after five: a worker that hangs holds no program


class Audience:
    """The viewers of one session. `limit` tells the host where to stop reading, None for nowhere."""

    def __init__(self, capacity: int, *, limit: Callable[[pacing.Limit | None], None]) -> None:
        self.viewers: set[Viewer] = set()
        self.capacity = capacity
        """Bytes that the journal keeps."""
        self._limit = limit
        self._cut_off: list[pacing.CutOff] = []
        self._told: pacing.Limit | None = None
        self._told_at = -math.inf
        self.look_at = math.inf
        """The end of the journal from which on the pace is to be looked at again, see `pace`."""

    def __bool__(self) -> bool:
        """Whether anybody watches."""
        return bool(self.viewers)

    @property
    def writers(self) -> bool:
        """Whether somebody watches who may type."""
        return any(not viewer.readonly for viewer in self.viewers)

    # -- coming and going ------------------------------------------------------------------------------------------

    def add(self, viewer: Viewer, now: float) -> None:
        """One more; perhaps one of those who are missed."""
        self.viewers.add(viewer)
        self._cut_off = pacing.one_is_back(self._cut_off, now)

    def remove(self, viewer: Viewer, now: float, *, cut_off: bool) -> None:
        """One less. One that kept up and was `cut_off` without a Close has a while to come back."""
        self.viewers.discard(viewer)
        if cut_off and viewer.meter.rate(now) >= pacing.EARNEST_RATE:
            self._miss(pacing.kept_for(viewer.cursor, self.capacity), now, 1)

    def miss_all(self, lost: int, viewers: int | None, now: float) -> None:
        """Whoever watched when the last worker died is about to come back; without one, `lost` was the limit."""
        if viewers != 0:
            self._miss(pacing.kept_for_all(lost), now, viewers)

    def _miss(self, limit: pacing.Limit, now: float, viewers: int | None) -> None:
        self._cut_off.append(pacing.CutOff(limit, now + pacing.CUT_OFF_SECONDS, viewers))

    # -- telling ---------------------------------------------------------------------------------------------------

    def at(self, cursor: int) -> list[Viewer]:
        """Who wants the bytes at `cursor` and can take them."""
        return [viewer for viewer in self.viewers if viewer.cursor == cursor and viewer.ready]

    def behind(self, end: int) -> list[Viewer]:
        """Who wants bytes before `end` and can take them."""
        return [viewer for viewer in self.viewers if viewer.cursor < end and viewer.ready]

    def renew(self, end: int) -> None:
        """Let those who take snapshots ask for one when they are far behind."""
        for viewer in self.behind(end):
            if viewer.is_far_behind(end) and viewer.renew is not None:
                viewer.renew()

    def tell(self, message: dict[str, Any]) -> None:
        """One control frame to every viewer that listens to them."""
        for viewer in self.viewers:
            viewer.sink.control(message)

    def say_goodbye(self, end: int, exit_code: int | None) -> None:
        """Close all who have every byte up to `end`, the last one of the program."""
        for viewer in list(self.viewers):
            if viewer.cursor >= end and not viewer.waiting:
                viewer.sink.control({"type": "exit", "exit_code": exit_code})
                viewer.sink.finish(CLOSED_NORMALLY, SESSION_CLOSED)
                self.viewers.discard(viewer)

    # -- the program's pace ----------------------------------------------------------------------------------------

    def pace(self, now: float, *, running: bool) -> None:
        """Tell the host how far it may read, if that is news or is about to be forgotten."""
        self._cut_off = [gone for gone in self._cut_off if now < gone.until]
        limit = self._wanted(now) if running else None
        if self._is_news(limit, now):
            self._told, self._told_at = limit, now
            self._limit(limit)
            self.look_at = math.inf if limit is None else limit.offset - self.capacity // 4

    def pace_anew(self, now: float, *, running: bool) -> None:
        """A new host reads the terminal, and knows no limit."""
        self._told = None
        self.pace(now, running=running)

    def _wanted(self, now: float) -> pacing.Limit | None:
        present = pacing.limit_for([viewer.reader(now) for viewer in self.viewers], self.capacity)
        missed = [gone.limit for gone in self._cut_off]
        nearest = pacing.nearest(missed if present is None else [present, *missed])
        return None if nearest is None else pacing.Limit(nearest.offset, nearest.lost, self._to_be_missed())

    def _to_be_missed(self) -> int | None:
        """How many will come back if this worker dies: who is here and who is missed already."""
        missed = pacing.how_many(self._cut_off)
        return None if missed is None else missed + len(self.viewers)

    def _is_news(self, limit: pacing.Limit | None, now: float) -> bool:
        if limit is None or self._told is None:
            return limit != self._told
        moved = limit.offset - self._told.offset
        nearer = moved < 0 or limit.lost < self._told.lost
        others = limit.viewers != self._told.viewers
        return nearer or others or moved >= self.capacity // 16 or now - self._told_at >= RENEW_SECONDS
