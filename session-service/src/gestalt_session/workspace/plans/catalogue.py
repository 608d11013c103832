"""The plans of a folder, read again only when a file has changed, and their answers as bytes that are ready to send."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from gestalt_session.workspace.plans.model import Plan, unreadable
from gestalt_session.workspace.plans.parser import parse

SUFFIX = ".org"
LOCKED = ".#"  # Emacs marks a file that is being edited by a link of this name, which leads nowhere
MOST_BYTES = 4 * 1024 * 1024
"""Longest plan that is read: a hundred times a long one."""
MOST_BYTES_OF_ALL = 64 * 1024 * 1024
"""So much is kept in memory at the most, several times over."""

Stamp = tuple[int, int, int]


class Known(Struct, frozen=True):
    """A file as it was when it was read, and the JSON of its plan."""

    stamp: Stamp | None
    json: bytes


class Plans:
    """`folder` is looked at with each question; a file is parsed when its time, size or inode is another.

    One question at a time looks, on a thread; the others wait for it without one.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, Known] = {}
        self._all = b""
        self._busy = asyncio.Lock()

    async def all(self) -> bytes:
        """`{"plans": […]}`, by descending name."""
        async with self._busy:
            await asyncio.to_thread(self._look)
            return self._all

    async def one(self, filename: str) -> bytes | None:
        """A plan object; None for a name that is not listed."""
        async with self._busy:
            await asyncio.to_thread(self._look)
            known = self._known.get(filename)
        return None if known is None else known.json + b"\n"

    def _look(self) -> None:
        known = dict(self._read_all())
        if known != self._known or not self._all:
            self._known = known
            self._all = b'{"plans":[' + b",".join(one.json for one in known.values()) + b"]}\n"

    def _read_all(self) -> Iterator[tuple[str, Known]]:
        room = MOST_BYTES_OF_ALL
        for entry in _entries(self._folder):
            shown = _shown(entry.name)
            known = _read(entry, shown, self._known.get(shown), room)
            if known is not None:
                room -= known.stamp[1] if known.stamp else 0
                yield shown, known


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """What may be plans, by descending name, byte by byte."""
    try:
        with os.scandir(folder) as entries:
            found = [entry for entry in entries if _may_be_plan(entry.name)]
    except OSError:
        return []
    return sorted(found, key=lambda entry: os.fsencode(entry.name), reverse=True)


def _may_be_plan(name: str) -> bool:
    return name.endswith(SUFFIX) and not name.startswith(LOCKED) and ".." not in name and "\\" not in name


def _shown(name: str) -> str:
    """A name that JSON can carry, whatever bytes it has."""
    return os.fsencode(name).decode("utf-8", "replace")


def _read(entry: os.DirEntry[str], shown: str, known: Known | None, room: int) -> Known | None:
    """The plan of a file, as known if it is unchanged; None for what is no file."""
    try:
        status = entry.stat()
    except OSError as error:
        return _failed(shown, None, f"cannot be read: {error.strerror}")
    if not stat.S_ISREG(status.st_mode):
        return None
    stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
    if status.st_size > min(room, MOST_BYTES):
        return _failed(shown, (stamp[0], 0, stamp[2]), _too_long(status.st_size))
    if known is not None and known.stamp == stamp:
        return known
    return _parsed(Path(entry.path), shown, stamp)


def _too_long(size: int) -> str:
    if size > MOST_BYTES:
        return f"is longer than {MOST_BYTES} bytes"
    return f"is not read: the plans before it have used up the {MOST_BYTES_OF_ALL} bytes for all"


def _parsed(path: Path, shown: str, stamp: Stamp) -> Known:
    try:
        with path.open("rb") as file:
            source = file.read(MOST_BYTES + 1)
        plan = parse(shown, source[:MOST_BYTES].decode("utf-8"))
    except UnicodeDecodeError as error:
        return _failed(shown, stamp, f"is not UTF-8 text: byte {error.start}")
    except OSError as error:
        return _failed(shown, None, f"cannot be read: {error.strerror}")
    return Known(stamp, _json(plan))


def _failed(shown: str, stamp: Stamp | None, why: str) -> Known:
    return Known(stamp, _json(unreadable(shown, f"{shown} {why}")))


def _json(plan: Plan) -> bytes:
    return msgspec.json.encode(plan)
