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

Signatures = tuple[Signature | None, ...]

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


def names_in(folder: str) -> list[str]:
    """What lies in a folder; nothing when it is not there, or not ours to look into."""
    try:
        return os.listdir(folder)
    except OSError:
        return []


def signature(path: str) -> Signature | None:
    """What stands for the content of a file or folder; None when there is none."""
    try:
        about = os.stat(path)
    except (OSError, ValueError):
        return None
    return about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns


SETTLED_NS = 50_000_000
"""A file changed so shortly ago may change again unseen: its times have the grain of the kernel's tick."""


class Warm(Generic[Value]):
    """Values made of files, made again only when these have changed. Not for several threads at once."""

    def __init__(self, make: Callable[[str], Value]) -> None:
        self._make = make
        self._kept: dict[str, tuple[Signatures, Value]] = {}

    def get(self, key: str, signatures: Signatures) -> Value:
        """The value of `key`, whose files have these signatures now."""
        kept = self._kept.get(key)
        if kept is not None and kept[0] == signatures:
            return kept[1]
        made = self._make(key)
        if _settled(signatures):
            self._kept[key] = signatures, made
        else:
            self._kept.pop(key, None)
        return made

    def keep_only(self, keys: Collection[str]) -> None:
        """Forget all others."""
        if len(self._kept) > len(keys):
            for gone in self._kept.keys() - set(keys):
                del self._kept[gone]


def _settled(signatures: Signatures) -> bool:
    newest = max((seen[-1] for seen in signatures if seen is not None), default=0)
    return time.time_ns() - newest > SETTLED_NS
