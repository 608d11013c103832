"""Waits for the kernel's word, has the lookout take its turns on a thread, and tells what it found as events."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol, TypeVar

import structlog
from msgspec import Struct

from gestalt_contracts import events
from gestalt_contracts.events import Event
from gestalt_session.workspace.git import Repository, repository
from gestalt_session.workspace.watching.bursts import LONGEST_SECONDS, QUIET_SECONDS
from gestalt_session.workspace.watching.inotify import Inotify
from gestalt_session.workspace.watching.lookout import Lookout, Report
from gestalt_session.workspace.watching.scope import GIT, OWN, PLANS, Scope
from gestalt_session.workspace.watching.snapshot import SnapshotFile
from gestalt_session.workspace.watching.stamps import Change

T = TypeVar("T")
ConfigListener = Callable[[Sequence[Change]], Awaitable[None]]
GATHER_SECONDS = 0.02  # the kernel makes one of equal events that wait together
HELD_SECONDS = 0.25  # how soon one looks again whether it may tell
LATEST_SECONDS = LONGEST_SECONDS + 1.0  # a burst, and a turn that takes its time
CLOSE_SECONDS = 0.5
SAVE_SECONDS = 0.5
SAVE_SHARE = 20  # saving takes a twentieth of the time at the most
GIT_TRIES = 6  # `git init` makes the folder before what is in it
GIT_SECONDS = 0.1  # doubling

log = structlog.get_logger()


class Teller(Protocol):
    """Who publishes."""

    def tell(self, event: Event) -> None:
        """Publish an event, after all before it."""

    def may_tell(self) -> bool:
        """Whether more may be told now; until then changes wait with the watcher, where they become one."""

    def has_told(self) -> bool:
        """Whether all is published."""


class Watch(Struct, frozen=True):
    """What is to be watched. `paths`: instead of the workspace, relative to it or absolute; `data`: Gestalt's own."""

    workspace: Path
    data: Path
    paths: tuple[str, ...] = ()

    def roots(self) -> tuple[str, ...]:
        """Absolute, without links."""
        named = [os.path.realpath(self.workspace / path) for path in self.paths]
        return tuple(named or [os.path.realpath(self.workspace)])


class Watcher:
    """Watches from `run` on until that is cancelled.

    `listeners` get all changes of the configuration, told or not. What it knows is saved only when all that was told
    is published: a successor may tell something again, but never miss it.
    """

    def __init__(
        self,
        watch: Watch,
        teller: Teller,
        listeners: Sequence[ConfigListener] = (),
    ) -> None:
        self._watch = watch
        self._teller = teller
        self._listeners = listeners
        self._file = SnapshotFile(watch.data / "watch" / "snapshot")
        self._thread = ThreadPoolExecutor(1, "watch")
        self._inotify: Inotify | None = None
        self._stirred = asyncio.Event()
        self._writer = ThreadPoolExecutor(1, "watch-save")
        self._draft: asyncio.Future[None] | None = None
        self._drafted = 0.0
        self._unsaved = False
        self._save_at = 0.0
        self._scope: Scope
        self._lookout: Lookout

    async def run(self) -> None:
        """Watch."""
        try:
            await self._open()
            await self._turn()
            self._unsaved = True  # from the first look round on there is something to know
            while True:
                await self._wait()
                await self._turn()
        finally:
            await self._close()

    async def alive(self) -> None:
        """Note that this watcher lives: what a successor finds was missed no longer than since then."""
        await asyncio.to_thread(self._file.alive)  # the watcher's own thread may be busy for longer than the lease

    async def _do(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    # -- beginning and end

    async def _open(self) -> None:
        found = await repository(self._watch.workspace)
        await self._do(lambda: self._open_lookout(found))
        self._lookout.head.follow(found.folder if found else None)

    def _open_lookout(self, found: Repository | None) -> None:
        workspace = os.path.realpath(self._watch.workspace)
        with suppress(OSError):  # a workspace that cannot be written to has no plans
            os.makedirs(os.path.join(workspace, OWN, PLANS), exist_ok=True)
        hidden = [os.path.realpath(self._watch.data)]
        self._scope = Scope(workspace, self._watch.roots(), hidden, os.path.realpath(found.top) if found else None)
        failure = self._open_inotify()
        known = self._file.load(self._scope.roots)
        self._lookout = Lookout(self._scope, workspace, self._inotify, known=known)
        if failure:
            self._lookout.fail(failure)

    def _open_inotify(self) -> str | None:
        try:
            self._inotify = Inotify()
        except OSError as error:
            return f"{error.strerror}: files are looked at in turns"
        return None

    async def _close(self) -> None:
        if hasattr(self, "_lookout"):
            self._lookout.stop()
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                if self._draft is not None:
                    await asyncio.wait([self._draft])
                await self._do(self._let_go)
        except TimeoutError:
            log.warning("the watcher's thread is still at work")
        finally:
            self._thread.shutdown(wait=False)
            self._writer.shutdown(wait=False, cancel_futures=True)

    def _let_go(self) -> None:
        if (self._unsaved or self._draft) and hasattr(self, "_lookout") and self._teller.has_told():
            self._last_save()
        if self._inotify is not None:
            self._inotify.close()

    # -- turns

    async def _turn(self) -> None:
        self._save()
        report = await self._whole_turn(tell=self._teller.may_tell())
        self._publish(report)
        if report.repository_moved:
            await self._find_repository()
        if report.config:
            await self._tell_listeners(report.config)
        self._unsaved = self._unsaved or report.is_news

    async def _whole_turn(self, *, tell: bool) -> Report:
        """A turn; what it found is told even when we are cancelled meanwhile, for the lookout knows it now."""
        turn = asyncio.ensure_future(self._do(lambda: self._lookout.turn(tell=tell)))
        try:
            return await asyncio.shield(turn)
        except asyncio.CancelledError:
            self._lookout.stop()
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    self._publish(await turn)
            raise

    def _publish(self, report: Report) -> None:
        """The branch first: it is never behind the files of its checkout."""
        if report.branch is not None:
            branch, before = report.branch
            self._say(events.GIT_BRANCH, "git", path=branch, branch=branch, previous=before)
        for change in report.changes:
            self._say(events.FILE_CHANGE, "file", at=change.at, path=_printable(change.path), op=change.op)
        if report.suppressed:
            self._say(events.WATCH_ERROR, "file", path="", suppressed=report.suppressed)
        for failure in report.failures:
            log.warning("the workspace is not watched as it should be", reason=failure)
            self._say(events.WATCH_ERROR, "file", path="")

    def _say(self, kind: str, topic: str, at: float | None = None, **data: Any) -> None:
        self._teller.tell(Event(type=kind, topic=topic, occurred_at=_occurred(at), data=data))

    async def _tell_listeners(self, changes: Sequence[Change]) -> None:
        for listener in self._listeners:
            try:
                await listener(changes)
            except Exception:
                log.exception("a listener to changes of the configuration failed")

    async def _find_repository(self) -> None:
        for number in range(GIT_TRIES):
            found = await repository(self._watch.workspace)
            if found is not None or not (self._watch.workspace / GIT).exists():
                break
            await asyncio.sleep(GIT_SECONDS * 2**number)
        self._lookout.head.follow(found.folder if found else None)

    # -- saving

    def _save(self) -> None:
        """Between two turns: a draft is begun when it is time, and taken once all that it may know is published."""
        now = time.monotonic()
        if self._draft is None:
            if self._unsaved and now >= self._save_at:
                self._unsaved, self._drafted = False, now
                self._draft = asyncio.get_running_loop().run_in_executor(self._writer, self._write_draft)
        elif self._draft.done() and self._teller.has_told():
            self._take(self._draft)
            self._draft, self._save_at = None, now + max(SAVE_SECONDS, (now - self._drafted) * SAVE_SHARE)

    def _write_draft(self) -> None:
        self._file.draft(self._scope.roots, self._lookout.tree.directories, self._lookout.head.branch)

    def _last_save(self) -> None:
        try:
            self._write_draft()
            self._file.replace()
        except OSError as error:
            log.warning("the watcher's snapshot cannot be written", error=str(error))

    def _take(self, draft: asyncio.Future[None]) -> None:
        try:
            draft.result()
            self._file.replace()
        except OSError as error:
            log.warning("the watcher's snapshot cannot be written", error=str(error))

    # -- waiting

    async def _wait(self) -> None:
        """Until the kernel has something to say, or the next turn is due."""
        loop = asyncio.get_running_loop()
        if self._inotify is not None:
            loop.add_reader(self._inotify, self._ring)
        try:
            async with asyncio.timeout(self._pause()):
                await self._stirred.wait()
        except TimeoutError:
            return
        finally:
            self._stirred.clear()
            if self._inotify is not None:
                loop.remove_reader(self._inotify)
        await asyncio.sleep(GATHER_SECONDS)

    def _ring(self) -> None:
        if self._inotify is not None:
            asyncio.get_running_loop().remove_reader(self._inotify)
        self._stirred.set()

    def _pause(self) -> float | None:
        pause = self._lookout.wait()
        if self._unsaved or self._draft is not None:
            until_save = max(HELD_SECONDS, 0 if self._draft else self._save_at - time.monotonic())
            pause = until_save if pause is None else min(pause, until_save)
        if pause is not None and not self._teller.may_tell():
            return max(pause, HELD_SECONDS)
        return pause


def _occurred(at: float | None) -> datetime:
    """When something happened that is told now: what was missed for longer than a burst lasts counts from now."""
    now = events.now()
    touched = now - timedelta(seconds=QUIET_SECONDS) if at is None else datetime.fromtimestamp(at, UTC)
    return touched if now - timedelta(seconds=LATEST_SECONDS) < touched < now else now


def _printable(path: str) -> str:
    """A path that JSON can carry, whatever bytes it has."""
    return os.fsencode(path).decode("utf-8", "replace")
