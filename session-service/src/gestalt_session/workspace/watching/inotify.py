"""The kernel's word on directories. Each watch is one directory, never what is below it."""

from __future__ import annotations

import os
from typing import NamedTuple

from inotify_simple import INotify, flags, parse_events  # type: ignore[import-untyped]

READ_BYTES = 64 * 1024  # about a thousand events
WANTED = (
    flags.CREATE
    | flags.MODIFY
    | flags.CLOSE_WRITE
    | flags.ATTRIB
    | flags.DELETE
    | flags.MOVED_FROM
    | flags.MOVED_TO
    | flags.DELETE_SELF
    | flags.MOVE_SELF
    | flags.ONLYDIR
    | flags.EXCL_UNLINK
)
ONLY_ENTRIES = flags.CREATE | flags.MOVED_TO | flags.MODIFY | flags.DELETE_SELF | flags.MOVE_SELF | flags.ONLYDIR
CREATE, MODIFY, ATTRIB, DELETE = int(flags.CREATE), int(flags.MODIFY), int(flags.ATTRIB), int(flags.DELETE)
MOVED_TO, MOVED_FROM = int(flags.MOVED_TO), int(flags.MOVED_FROM)
IS_FOLDER, OVERFLOW, IGNORED = int(flags.ISDIR), int(flags.Q_OVERFLOW), int(flags.IGNORED)
SELF_GONE = int(flags.DELETE_SELF | flags.MOVE_SELF | flags.UNMOUNT)


class Event(NamedTuple):
    """What happened to `name` in the directory of `watch`; `mask` as in inotify(7)."""

    watch: int
    mask: int
    name: str


class Inotify:
    """One inotify instance. Opening raises OSError (EMFILE when the user has no instance left)."""

    def __init__(self) -> None:
        self._inotify = INotify(nonblocking=True)

    def fileno(self) -> int:
        """Readable when there are events."""
        return int(self._inotify.fileno())

    def watch(self, directory: str, *, wanted: int = WANTED) -> int:
        """Watch a directory; watching it again gives the same number. Raises OSError (ENOSPC: no watch left)."""
        return int(self._inotify.add_watch(directory, wanted))

    def unwatch(self, watch: int) -> None:
        """Stop watching; one that is gone already does not mind."""
        try:
            self._inotify.rm_watch(watch)
        except OSError:
            return

    def read(self) -> list[Event]:
        """Some of the waiting events; none when none wait."""
        try:
            data = os.read(self.fileno(), READ_BYTES)
        except BlockingIOError:
            return []
        return [Event(watch, mask, name) for watch, mask, _, name in parse_events(data)]

    def close(self) -> None:
        """Give everything back."""
        self._inotify.close()
