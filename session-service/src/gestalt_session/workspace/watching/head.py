"""Which branch is checked out, read from the repository's own HEAD: that of a worktree lies elsewhere. Blocking."""

from __future__ import annotations

import os
import re

from gestalt_session.workspace.git import HEADS, SHORT_HASH
from gestalt_session.workspace.watching.inotify import ONLY_ENTRIES, Inotify

FILE = "HEAD"
MOST_BYTES = 4_096
POINTS_TO = "ref: "
HASH = re.compile(r"[0-9a-f]{40,64}")


def shown(text: str) -> str:
    """The branch that a HEAD file names, `detached@<hash>`, or nothing. Pure."""
    text = text.strip()
    if text.startswith(POINTS_TO):
        return text.removeprefix(POINTS_TO).strip().removeprefix(HEADS)
    return f"detached@{text[:SHORT_HASH]}" if HASH.fullmatch(text) else ""


class Head:
    """The HEAD of one repository; `stirred` once it may have changed."""

    def __init__(self, inotify: Inotify | None, branch: str | None) -> None:
        self.branch = branch
        """What was last told; None: nothing yet."""
        self.stirred = True
        self._inotify = inotify
        self._folder: str | None = None
        self._watch = -1

    def follow(self, git_folder: str | None) -> None:
        """Look there from now on; None: there is no repository. HEAD gets replaced, so its folder is watched."""
        if self._inotify is not None and self._watch >= 0:
            self._inotify.unwatch(self._watch)
        self._folder, self._watch, self.stirred = git_folder, -1, True
        if self._inotify is not None and git_folder is not None:
            try:
                self._watch = self._inotify.watch(git_folder, wanted=ONLY_ENTRIES)
            except OSError:
                self._watch = -1  # it is read with each look round then

    def hear(self, watch: int, name: str) -> bool:
        """Whether the event is about the folder that HEAD lies in."""
        if watch != self._watch:
            return False
        self.stirred = self.stirred or name in {FILE, ""}
        return True

    def change(self) -> tuple[str, str] | None:
        """Branch and the one before it, when another is checked out than was last told."""
        self.stirred = False
        branch, before = self._read(), self.branch
        if branch is None:
            return None  # it is being replaced: there will be another event
        self.branch = branch
        return (branch, before) if before is not None and branch not in {before, ""} else None

    def _read(self) -> str | None:
        if self._folder is None:
            return ""
        try:
            with open(os.path.join(self._folder, FILE), "rb") as file:
                return shown(file.read(MOST_BYTES).decode("utf-8", "replace"))
        except OSError:
            return None
