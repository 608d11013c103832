"""What flows have set to work, and where. Pure.

Files carry no author. One that changes where a session works that a flow started or typed into counts as that flow's
doing, so that flows which lead to one another through files are a chain like any other, and their loop ends.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct, structs

from gestalt_contracts import events
from gestalt_contracts.events import Cause, Event
from gestalt_flow.clock import milliseconds_of

SLACK_MS = 50
"""How long after its end a doing's last write may be heard of: the watcher and the worker are two processes."""
SILENT_MS = 15_000
"""A session that was idle and says nothing for so long about what was typed is not at work."""
GONE_MS = 500
"""Likewise, that a file is gone: this is told as of when it was noticed."""
KEPT_MS = 30_000
"""After its end, for events that come late."""
UNNAMED_MS = 60_000
"""What has no session by then has none: whoever began it died over it."""
LONGEST_MS = 24 * 3_600_000
"""Nothing counts longer as the doing of a flow."""
TOPICS = frozenset({"file", "git", "config"})
"""What a watcher sees, not who did it."""
ENDS = frozenset({events.TERMINAL_CLOSED, events.TERMINAL_LOST})
LIVES = ENDS | {events.TERMINAL_ACTIVE, events.TERMINAL_IDLE}


class Doing(Struct, frozen=True, omit_defaults=True):
    """Something that is at work below `root`, from `began` to `ended` (milliseconds; None: it still is).

    `cause`: the run that set it to work; None for a save of flows, which fires none. `typed`: into a session;
    it counts only while that is active, until somebody else types. `session`: for people.
    """

    root: str
    began: int
    ended: int | None = None
    cause: Cause | None = None
    session: str = ""
    uid: str = ""
    typed: bool = False

    def covers(self, path: str, moment: int, slack: int = SLACK_MS) -> bool:
        """Whether it may be what changed `path` at `moment`, heard of up to `slack` later."""
        begins = self.began - SLACK_MS <= moment
        return (
            begins
            and moment <= self._until + slack
            and (path == self.root or path.startswith(self.root.rstrip("/") + "/"))
        )

    @property
    def _until(self) -> int:
        if self.ended is None:
            return self.began + (LONGEST_MS if self.uid else UNNAMED_MS)
        return self.ended


def changed_by(event: Event, doings: Iterable[Doing], workspace: str) -> Doing | None:
    """What changed the file that an event is about: a save of flows, else the doing that most flows have led to."""
    if event.topic not in TOPICS or event.cause is not None:
        return None
    path = workspace if event.topic == "git" else str(event.data.get("path", ""))
    moment = milliseconds_of(event.occurred_at)
    slack = GONE_MS if event.data.get("op") in {"REMOVE", "RENAME"} else SLACK_MS
    found = [doing for doing in doings if doing.covers(path, moment, slack)]
    return max(found, key=lambda doing: LONGEST_MS if doing.cause is None else doing.cause.depth, default=None)


def blamed(event: Event, doing: Doing) -> Event:
    """The event, led to by what is taken to have changed the file."""
    cause = doing.cause and structs.replace(doing.cause, inferred=doing.session or doing.root)
    return structs.replace(event, cause=cause)


def after(doing: Doing, event: Event) -> Doing | None:
    """What becomes of a doing with an event of its session; None: it does not count any more."""
    moment = milliseconds_of(event.occurred_at)
    if event.type in ENDS:
        return structs.replace(doing, ended=moment, typed=False)
    if not doing.typed:
        return doing
    if event.type == events.TERMINAL_ACTIVE:
        return structs.replace(doing, ended=None) if event.cause is not None else None
    return structs.replace(doing, ended=moment)


def is_over(doing: Doing, now: int) -> bool:
    """Whether no event will be its doing any more."""
    if now - doing.began > LONGEST_MS:
        return True
    if doing.ended is None:
        return not doing.uid and now - doing.began > UNNAMED_MS + KEPT_MS
    return not doing.typed and now - doing.ended > KEPT_MS


def root_of(cwd: str, workspace: Path) -> str:
    """Where a program writes that runs in `cwd`: its working tree, else the workspace. Blocking."""
    place = Path(os.path.realpath(workspace / cwd))
    tree = next((folder for folder in (place, *place.parents) if (folder / ".git").exists()), None)
    if tree is not None:
        return str(tree)
    home = Path(os.path.realpath(workspace))
    return str(home if place.is_relative_to(home) else place)
