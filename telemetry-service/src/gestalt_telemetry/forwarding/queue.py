"""Requests on disk, a file each: whole or not there, whatever dies. Bounded: the oldest go first, and are counted."""

from __future__ import annotations

import fcntl
import os
import time
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

MOST_FILES = 100_000
"""Of however small requests: a folder is still listed in a moment."""

SUFFIX = ".otlp"
UNFINISHED = ".part"


class Waiting(Struct, frozen=True):
    """A request in the queue. `encoding` and `form` are what it is sent as."""

    name: str
    signal: str
    form: str
    gzip: bool
    size: int


class Queue:
    """The folder's. Calls take a moment of the disk's: not for the event loop, and not from two threads at once."""

    def __init__(self, folder: Path, limit: int) -> None:
        """`limit`: bytes on disk at most."""
        self._folder = folder
        self._limit = limit
        self._waiting: OrderedDict[str, Waiting] = OrderedDict()
        self._lock: int | None = None
        self._last = 0
        self.size = 0
        self.dropped = 0
        """Requests that left unsent because there was no room."""

    def __len__(self) -> int:
        return len(self._waiting)

    def open(self) -> bool:
        """Take the folder and what lies in it; False while another process has it. Raises OSError."""
        self._folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return False
        self._lock = lock
        self._find()
        return True

    def _find(self) -> None:
        for path in self._folder.glob(f"*{UNFINISHED}"):
            path.unlink()  # its sender was never told that it is kept
        for path in sorted(self._folder.glob(f"*{SUFFIX}")):
            found = _of_name(path.name, path.stat().st_size)
            if found is not None:
                self._note(found)

    def close(self) -> None:
        """Let go of the folder."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def put(self, signal: str, form: str, body: bytes, *, gzip: bool) -> None:
        """Keep a request; older ones make room. Once this returns, the end of this process does not lose it.

        Raises OSError: the disk is full.
        """
        self._last = max(self._last + 1, time.time_ns())
        name = f"{self._last:020d}.{signal}.{form}.{'gzip' if gzip else 'plain'}{SUFFIX}"
        self._make_room(len(body))
        unfinished = self._folder / f"{name}{UNFINISHED}"
        try:
            unfinished.write_bytes(body)
            unfinished.rename(self._folder / name)
        except OSError:
            with suppress(OSError):
                unfinished.unlink()
            raise
        self._note(Waiting(name, signal, form, gzip, len(body)))

    def _make_room(self, size: int) -> None:
        while self._waiting and (self.size + size > self._limit or len(self._waiting) >= MOST_FILES):
            self.remove(next(iter(self._waiting.values())))
            self.dropped += 1

    def _note(self, waiting: Waiting) -> None:
        self._waiting[waiting.name] = waiting
        self._last = max(self._last, int(waiting.name.partition(".")[0]))
        self.size += waiting.size

    def oldest(self, most: int) -> list[Waiting]:
        """The next to be sent."""
        return [waiting for _, waiting in zip(range(most), self._waiting.values(), strict=False)]

    def body(self, waiting: Waiting) -> bytes | None:
        """What is to be sent; None when it has made room meanwhile. Raises OSError."""
        try:
            return (self._folder / waiting.name).read_bytes()
        except FileNotFoundError:
            return None

    def remove(self, waiting: Waiting) -> None:
        """It needs no sending any more."""
        if self._waiting.pop(waiting.name, None) is not None:
            self.size -= waiting.size
            (self._folder / waiting.name).unlink(missing_ok=True)


def _of_name(name: str, size: int) -> Waiting | None:
    words = name.removesuffix(SUFFIX).split(".")
    if len(words) != 4 or not words[0].isdigit():  # noqa: PLR2004 - as `put` writes it
        return None
    _, signal, form, packed = words
    return Waiting(name, signal, form, packed == "gzip", size)
