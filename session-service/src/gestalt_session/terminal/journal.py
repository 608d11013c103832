"""Reading a session's journal: append-only segments with absolute byte offsets, written by the pty host.

A segment is a file named by the offset of its first byte. The host drops the oldest beyond its cap, so the base
advances; a gap between one segment's end and the next one's start is a hole: bytes that a full disk could not take.
"""

from __future__ import annotations

import os
from bisect import bisect_right, insort
from pathlib import Path

NAME_DIGITS = 20
BLOCK = 256 * 1024  # read at once when more than that is wanted
OPEN_SEGMENTS = 4  # a slow and a fast viewer, an export and the scanner; each is one file descriptor


class Trimmed(Exception):
    """The bytes asked for are gone; reading goes on at `resume`. `reason`: trimmed, or hole (the disk was full)."""

    def __init__(self, resume: int, reason: str) -> None:
        super().__init__(f"nothing before {resume}: {reason}")
        self.resume = resume
        self.reason = reason


class Journal:
    """The segments of one session, readable from `base` to `end`; the owner moves `end` as the host tells it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._starts: list[int] = []
        self._open: dict[int, int] = {}
        self.end = 0
        self.rescan()

    def rescan(self) -> None:
        """Look at the folder again: what segments there are, and where the last one ends."""
        names = [path.name for path in self.folder.iterdir()] if self.folder.is_dir() else []
        self._starts = sorted(int(name) for name in names if len(name) == NAME_DIGITS and name.isdigit())
        if self._starts:
            last = self._starts[-1]
            self.end = max(self.end, last + self._path(last).stat().st_size)

    @property
    def base(self) -> int:
        """The first offset still kept."""
        return self._starts[0] if self._starts else 0  # the host makes the first segment with the first byte

    @property
    def kept(self) -> int:
        """Bytes that are kept on disk."""
        return self.end - self.base

    @property
    def starts(self) -> list[int]:
        """Start offsets of the segments, oldest first."""
        return list(self._starts)

    @property
    def written_at(self) -> float | None:
        """When its newest segment was last written to, in seconds since the epoch; None before the first byte."""
        try:
            return self._path(self._starts[-1]).stat().st_mtime if self._starts and self.end else None
        except FileNotFoundError:
            return None

    def rotated(self, start: int, base: int) -> None:
        """The host has begun a segment at `start` and keeps nothing before `base`."""
        if not self._starts:
            self.rescan()  # nobody has read yet: the first segment was never looked for
        if start not in self._starts and start >= self.base:
            insort(self._starts, start)  # told late, after a look at the folder: not the newest, or long dropped
        self._starts = [kept for kept in self._starts if kept >= base]

    def drop_before(self, base: int) -> int:
        """Unlink whole segments below `base` (never the newest); how many bytes that freed."""
        freed = 0
        while len(self._starts) > 1 and self._starts[1] <= base:
            start = self._starts.pop(0)
            freed += self._starts[0] - start
            self._path(start).unlink(missing_ok=True)
            self._path(start).with_suffix(".times").unlink(missing_ok=True)
        return freed

    def read(self, offset: int, limit: int) -> bytes:
        """Up to `limit` bytes at `offset`, fewer at a segment's end; empty at the end. Raises Trimmed."""
        if offset >= self.end:
            return b""
        if not self._starts:
            self.rescan()
        if not self._starts:
            raise Trimmed(self.end, "hole")
        index = bisect_right(self._starts, offset) - 1
        if index < 0:
            raise Trimmed(self.base, "trimmed")
        start = self._starts[index]
        chunk = self._pread(start, offset - start, min(limit, self.end - offset))
        if not chunk:
            raise Trimmed(self._next_after(start), "hole")
        return chunk

    def stretch(self, start: int, end: int) -> tuple[int, bytes]:
        """The bytes from `start` to `end` over all segments; they begin later where a hole or the base lies between."""
        parts: list[bytes] = []
        position, end = start, min(end, self.end)
        while position < end:
            try:
                part = self.read(position, min(BLOCK, end - position))
            except Trimmed as trimmed:
                if trimmed.resume >= end:
                    break
                start = position = trimmed.resume
                parts.clear()
                continue
            position += len(part)
            parts.append(part)
        return start, b"".join(parts)

    def _pread(self, start: int, position: int, limit: int) -> bytes:
        descriptor = self._open.get(start)
        if descriptor is None:
            try:
                descriptor = os.open(self._path(start), os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                self.rescan()  # the host has dropped it before it told us, and maybe more
                raise Trimmed(self._next_after(start), "trimmed") from None
            self._keep(start, descriptor)
        return os.pread(descriptor, limit, position)

    def _next_after(self, start: int) -> int:
        """Where the next segment begins; the end if there is none."""
        return next((later for later in self._starts if later > start), self.end)

    def _keep(self, start: int, descriptor: int) -> None:
        while len(self._open) >= OPEN_SEGMENTS:
            oldest = next(iter(self._open))
            os.close(self._open.pop(oldest))
        self._open[start] = descriptor

    def _path(self, start: int) -> Path:
        return self.folder / f"{start:0{NAME_DIGITS}d}"

    def release(self) -> None:
        """Close what is open; reading opens it again."""
        for descriptor in self._open.values():
            os.close(descriptor)
        self._open.clear()
