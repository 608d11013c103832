"""A lookout over real files, with a clock that tests set."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from gestalt_session.workspace.watching.inotify import Inotify
from gestalt_session.workspace.watching.lookout import Lookout, Report
from gestalt_session.workspace.watching.scope import Scope
from gestalt_session.workspace.watching.snapshot import Snapshot

STILL = 0.15
"""Seconds after which a burst is over."""


class Rig:
    """A lookout over `folder`, begun. `hears=False`: the kernel tells it nothing."""

    def __init__(
        self,
        folder: Path,
        *,
        roots: tuple[str, ...] = (),
        outer: str | None = None,
        hidden: tuple[str, ...] = (),
        hears: bool = True,
        known: Snapshot | None = None,
    ) -> None:
        self.folder = folder
        self.now = 1_000.0
        self.scope = Scope(str(folder), roots or (str(folder),), hidden, outer)
        self.inotify = Inotify() if hears else None
        self.lookout = Lookout(self.scope, str(folder), self.inotify, known=known, clock=lambda: self.now)
        self.first = self.lookout.turn()

    def close(self) -> None:
        if self.inotify is not None:
            self.inotify.close()

    def turn(self, after: float = 0.0) -> Report:
        """A turn some seconds later."""
        self.now += after
        return self.lookout.turn()

    def told(self) -> dict[str, str]:
        """What is told once all is still: operations by path, relative to the folder."""
        self.turn()
        report = self.turn(STILL)
        return {os.path.relpath(change.path, self.folder): change.op for change in report.changes}

    def snapshot(self) -> Snapshot:
        """What it knows."""
        return Snapshot(
            {name: dict(files) for name, files in self.lookout.tree.directories.items()}, self.lookout.head.branch
        )


def git(folder: Path, *words: str) -> str:
    """One git command."""
    who = ("-c", "user.name=N", "-c", "user.email=n@example.org", "-c", "commit.gpgsign=false")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return subprocess.run(
        [shutil.which("git") or "git", *who, *words],
        cwd=folder,
        env=clean,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
