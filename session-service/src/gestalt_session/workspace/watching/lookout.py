"""One watcher's turn: hear, look, tell. It blocks, on a thread of its own, and is used by one thread at a time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress

from msgspec import Struct

from gestalt_session.workspace.watching.bursts import Bursts
from gestalt_session.workspace.watching.head import Head
from gestalt_session.workspace.watching.inotify import (
    CREATE,
    DELETE,
    IGNORED,
    IS_FOLDER,
    MOVED_FROM,
    MOVED_TO,
    OVERFLOW,
    SELF_GONE,
    Event,
    Inotify,
)
from gestalt_session.workspace.watching.limiter import Limiter
from gestalt_session.workspace.watching.scope import GIT, GITIGNORE, Scope
from gestalt_session.workspace.watching.snapshot import Snapshot
from gestalt_session.workspace.watching.stamps import Change
from gestalt_session.workspace.watching.tree import Stopped, Tree

ROUNDS = 64  # reads of one turn: 4 MB of events
POLL_SECONDS = 2.0  # where the kernel cannot tell
POLL_SHARE = 20  # looking round takes a twentieth of the time at the most
ROOT_SECONDS = 1.0  # how often a root that is not there is looked for


class Report(Struct):
    """What one turn found.

    `config`: all changes of the configuration, told or not. `failures`: why the watch is not what it should be, each
    told once.
    """

    changes: list[Change] = []
    config: list[Change] = []
    branch: tuple[str, str] | None = None
    suppressed: int = 0
    failures: list[str] = []
    repository_moved: bool = False

    @property
    def is_news(self) -> bool:
        """Whether what is known has changed."""
        return bool(self.changes or self.branch or self.suppressed)


class Lookout:
    """The files of `scope` and the branch of the workspace, from the first look until `stop`."""

    def __init__(
        self,
        scope: Scope,
        workspace: str,
        inotify: Inotify | None,
        *,
        known: Snapshot | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        now = clock()
        self.bursts = Bursts()
        self.head = Head(inotify, known.branch if known else None)
        self.tree = Tree(
            scope, inotify, self.bursts, without=self._without, directories=known.directories if known else None
        )
        self._scope = scope
        self._workspace = workspace
        self._inotify = inotify
        self._clock = clock
        self._limiter = Limiter(now)
        self._known = known is not None
        self._failures: set[str] = set()
        self._untold: list[str] = []
        self._git_moved = False
        self._look_at: float | None = now
        self._polls = inotify is None
        self._absent: list[str] = []

    def stop(self) -> None:
        """Give up what is under way. Safe from another thread."""
        self.tree.stopped = True

    def fail(self, why: str) -> None:
        """Something is not watched as it should be."""
        if why not in self._failures:
            self._failures.add(why)
            self._untold.append(why)

    def _without(self, why: str) -> None:
        self._polls = True
        self.fail(why)

    def turn(self, *, tell: bool = True) -> Report:
        """Take in what has happened and, with `tell`, what is to be told of it. After `stop` it finds nothing."""
        report = Report()
        with suppress(Stopped):
            self._hear()
            if self._look_at is not None and self._clock() >= self._look_at:
                self._look_round()
            if tell:
                self._tell(report)
        return report

    def wait(self) -> float | None:
        """Seconds until the next turn is due even if nothing is heard; None: never."""
        moments = [moment for moment in (self.bursts.next_due(), self._look_at) if moment is not None]
        if self.head.stirred or self._untold:
            return 0.0
        return max(0.0, min(moments) - self._clock()) if moments else None

    # -- hearing

    def _hear(self) -> None:
        if self._inotify is None:
            return
        for _ in range(ROUNDS):
            events = self._inotify.read()
            now = self._clock()
            for event in events:
                self._heard(event, now)
            if not events:
                return

    def _heard(self, event: Event, now: float) -> None:
        if event.mask & OVERFLOW:
            self._look_at, self._absent, self.head.stirred = now, [], True  # what was lost is found by looking
        if self.head.hear(event.watch, event.name):
            self._git_moved = self._git_moved or bool(event.mask & SELF_GONE)
            return
        directory = self.tree.directory_of(event.watch)
        if directory is None:
            return
        if event.mask & (SELF_GONE | IGNORED):
            self._heard_of_itself(event, directory, now)
        elif event.name == GIT and directory == self._workspace:
            self._git_moved = True
        elif event.mask & IS_FOLDER:
            self._heard_of_folder(event, directory, now)
        else:
            self.tree.touch(directory, event.name, event.mask, now)

    def _heard_of_itself(self, event: Event, directory: str, now: float) -> None:
        self.tree.unwatched(event.watch, event.mask)
        if directory in self._scope.roots:  # of all others their parents tell
            self.tree.forget(directory, now, quiet=False)
            self._look_at, self._absent = now + ROOT_SECONDS, []

    def _heard_of_folder(self, event: Event, directory: str, now: float) -> None:
        path = f"{directory}/{event.name}"
        if event.mask & (CREATE | MOVED_TO):
            known = event.mask & CREATE and path in self.tree.live  # seen with the one it lies in, and heard since
            if not known and self._scope.includes(directory, event.name, folder=True):
                self.tree.look(path, now, quiet=False)
        elif event.mask & MOVED_FROM:
            self.tree.forget(path, now, quiet=False, moved=True)
        elif event.mask & DELETE:
            self.tree.removed(path, now)

    # -- looking

    def _look_round(self) -> None:
        begun = self._clock()
        if self._absent and not any(map(os.path.isdir, self._absent)):
            self._look_at = begun + ROOT_SECONDS
            return
        self.tree.look_round(begun, quiet=not self._known)
        self._known, self.head.stirred = True, True
        self._absent = [root for root in self._scope.roots if root not in self.tree.live]
        for root in self._absent:
            self.fail(f"{root} cannot be watched now")
        self._look_at = self._next_round(begun, self._clock())

    def _next_round(self, begun: float, ended: float) -> float | None:
        """Where the kernel cannot tell we look again and again; else only for what is not there yet."""
        if self._polls:
            self._absent = []
            return ended + max(POLL_SECONDS, (ended - begun) * POLL_SHARE)
        return ended + ROOT_SECONDS if self._absent else None

    # -- telling

    def _tell(self, report: Report) -> None:
        now = self._clock()
        if self.head.stirred:
            report.branch = self.head.change()
        report.repository_moved, self._git_moved = self._git_moved, False
        for change in self.tree.settle(now):
            self._tell_of(change, report, now)
        self._limiter.hold_back(self.tree.take_uncounted(), now)
        report.suppressed = self._limiter.report(now, still=not len(self.bursts))
        report.failures, self._untold = self._untold, []

    def _tell_of(self, change: Change, report: Report, now: float) -> None:
        if self._scope.is_config(change.path):
            report.config.append(change)
        if change.path.endswith(f"/{GITIGNORE}"):
            self._scope.reload()
            self.tree.look(change.path.rpartition("/")[0], now, quiet=True, anew=True)
            report.changes.append(change)
        elif self._limiter.allows(now):
            report.changes.append(change)
