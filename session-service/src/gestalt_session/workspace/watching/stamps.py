"""What tells one state of a file from another, and what became of a file between two of them. Pure."""

from __future__ import annotations

import os
import stat
from typing import NamedTuple

from msgspec import Struct

from gestalt_session.workspace.watching.inotify import ATTRIB, CREATE, MODIFY, MOVED_FROM, MOVED_TO


class Stamp(Struct, frozen=True, gc=False):
    """A file's identity, size and times, in ns: of its content, and of all that is known of it."""

    inode: int
    size: int
    written: int
    changed: int

    @property
    def content(self) -> tuple[int, int, int]:
        """What is another when the content may be."""
        return self.inode, self.size, self.written


Files = dict[str, Stamp]
"""The watched files of one directory."""


class Change(NamedTuple):
    """What is true of a path at the end of a burst. `op`: CREATE, WRITE, REMOVE, RENAME (moved away) or CHMOD.

    `at`: when it was touched last (Unix seconds), which a file that is gone does not say.
    """

    path: str
    op: str
    at: float | None = None


def stamp_of(status: os.stat_result) -> Stamp | None:
    """The stamp of a file or link; None for all else, which has no content that could change."""
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode)):
        return None
    return Stamp(status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def operation(before: Stamp | None, after: Stamp | None, heard: int) -> str | None:
    """What happened between two looks, given all events heard meanwhile; None: nothing that can be seen."""
    if after is None:
        return "RENAME" if heard & MOVED_FROM else "REMOVE"
    if before is None:
        return "CREATE"
    if before == after and heard & (CREATE | MOVED_TO):
        return "CREATE"  # it was seen before its own event came
    if before.content != after.content or heard & MODIFY:
        return "WRITE"
    return "CHMOD" if before.changed != after.changed or heard & ATTRIB else None
