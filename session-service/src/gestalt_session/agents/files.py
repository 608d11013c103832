"""Reading files that anybody may have written: bounded, regular ones only, and not twice while they stay the same."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Generic, TypeVar

LARGEST_BYTES = 256 * 1024  # profiles, prompts and skills are pages; what is larger is a mistake

Signature = tuple[int, int, int, int]
"""Changes whenever the content may have: inode, size, times of writing and of change."""

Value = TypeVar("Value")


class Unreadable(Exception):
    """The file cannot be used as text; the message says why, without naming it."""


def read_bytes(path: Path, limit: int = LARGEST_BYTES) -> bytes:
    """The content of a regular file. Raises Unreadable; FileNotFoundError when there is none."""
    try:
        return _read(path, limit)
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise Unreadable(getattr(error, "strerror", None) or str(error)) from error


def _read(path: Path, limit: int) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a FIFO would wait for its writer
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise Unreadable("not a regular file")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(limit + 1)
    finally:
        os.close(descriptor)
    if len(content) > limit:
        raise Unreadable(f"larger than {limit} bytes")
    return content


def read_text(path: Path, limit: int = LARGEST_BYTES) -> str:
    """The content as UTF-8, without a byte order mark. Raises Unreadable, FileNotFoundError."""
    try:
        return read_bytes(path, limit).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(f"not valid UTF-8 at byte {error.start}") from error


def signature(path: Path) -> Signature | None:
    """What stands for the file's content; None when there is no such file."""
    try:
        about = path.stat()
    except (OSError, ValueError):
        return None
    return about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns


SETTLED_NS = 50_000_000
"""A file changed so shortly ago may change again unseen: its times have the grain of the kernel's tick."""


class Warm(Generic[Value]):
    """Values made of files, made again only when their file has changed. Not for several threads at once."""

    def __init__(self, make: Callable[[Path], Value]) -> None:
        self._make = make
        self._kept: dict[Path, tuple[Signature, Value]] = {}

    def get(self, path: Path) -> Value | None:
        """The value of the file as it is now; None when there is none."""
        seen = signature(path)
        if seen is None:
            self._kept.pop(path, None)
            return None
        kept = self._kept.get(path)
        if kept is None or kept[0] != seen:
            kept = (seen, self._make(path))
            self._keep(path, kept)
        return kept[1]

    def _keep(self, path: Path, kept: tuple[Signature, Value]) -> None:
        if time.time_ns() - kept[0][-1] > SETTLED_NS:
            self._kept[path] = kept
        else:
            self._kept.pop(path, None)

    def keep_only(self, paths: Collection[Path]) -> None:
        """Forget all other files."""
        for gone in self._kept.keys() - set(paths):
            del self._kept[gone]
