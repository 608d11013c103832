"""The append-only record of one session: segments with absolute offsets, capped by size.

What cannot be written is a hole between two segments: the offset goes on, and the next segment starts beyond it.
"""

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Final

from gestalt_ptyhost.log import log
from gestalt_ptyhost.segments import Segment, remove_segment, segment_starts

STAMP_MICROSECONDS: Final = 10_000
"""At most one timing record per session in this time: recordings need no finer grain, and echoes stay cheap."""
RETRY_SECONDS: Final = 0.25
"""How long a journal that could not be written waits until it tries again: a full disk is asked, not hammered."""

_NO_SPLICE: Final = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP})


class Journal:
    """Writes one session's bytes. `segments` are the starts of the files, `end` is the offset of the next byte."""

    __slots__ = (
        "_clock",
        "_current",
        "_retry_at",
        "_segment_size",
        "_splices",
        "_stamped",
        "cap",
        "directory",
        "end",
        "segments",
    )

    def __init__(
        self, directory: str, *, cap: int, segment: int, at_least: int = 0, clock: Callable[[], float] = monotonic
    ) -> None:
        """Take up the journal where its newest segment ends, or beyond a hole at `at_least` if that is later.

        `cap` and `segment` are bytes: what is kept in all, and the size from which a new segment is begun.
        """
        self.directory = directory
        self._segment_size = segment
        self._clock = clock
        self._splices = True
        self._stamped = 0
        self._retry_at = 0.0
        self.cap = cap
        self.segments = segment_starts(directory) or [at_least]
        self._current: Segment | None = Segment(directory, self.segments[-1])
        self.end = max(self._current.start + self._current.size, at_least)
        if self.end > self._current.start + self._current.size:
            self._leave()

    @property
    def base(self) -> int:
        """The offset of the oldest byte that is kept."""
        return self.segments[0]

    @property
    def segment(self) -> int:
        """The size of segment it was made with, in bytes."""
        return self._segment_size

    def take(self, pipe: int, count: int) -> bytes:
        """Move `count` bytes that are in the pipe to the journal.

        Returns the last of them that could not be written, to be told as a hole; normally none.
        """
        goal = self.end + count
        try:
            self._splice(self._writable(), pipe, goal)
        except OSError as error:
            self._give_up(error)
        if self.end < goal:
            return self._copy(pipe, goal)
        self._retry_at = 0.0
        return b""

    def read(self, offset: int, count: int) -> bytes:
        """Bytes just written: up to `count` from an offset in the newest segment, none if they are not there."""
        if self._current is None or offset < self._current.start:
            return b""
        return self._current.read(offset, count)

    def stamp(self, microseconds: int, offset: int) -> None:
        """Note in the timing index when the burst that begins at `offset` was read, at most every 10 ms."""
        if self._current and not 0 <= microseconds - self._stamped < STAMP_MICROSECONDS:
            self._stamped = microseconds
            self._current.stamp(microseconds, offset)

    def limit(self, cap: int) -> None:
        """Keep at most `cap` bytes from now on."""
        self.cap = cap
        self._drop_oldest()

    def close(self) -> None:
        """Close the files; `end` and `base` stay readable."""
        if self._current:
            self._current.close()
            self._current = None

    def _writable(self) -> Segment:
        """The segment that takes the next bytes; OSError while there can be none."""
        if self._current and self._current.size < self._rotates_at():
            return self._current
        if self._clock() < self._retry_at:
            raise OSError(errno.ENOSPC, "the journal could not be written a moment ago")
        segment = Segment(self.directory, self.end)
        self.close()
        self._current = segment
        self.segments.append(self.end)
        self._drop_oldest()
        return segment

    def _rotates_at(self) -> int:
        """A segment is at most half of what is kept, so that dropping the oldest never leaves nothing to read."""
        return max(1, min(self._segment_size, self.cap // 2))

    def _drop_oldest(self) -> None:
        """Make room for what the current segment may still take."""
        room = max(0, self._rotates_at() - (self._current.size if self._current else 0))
        while len(self.segments) > 1 and self.end - self.segments[0] + room > self.cap:
            remove_segment(self.directory, self.segments.pop(0))

    def _splice(self, segment: Segment, pipe: int, goal: int) -> None:
        """Let the kernel move the bytes up to `goal`, if this file system can."""
        try:
            while self._splices and self.end < goal:
                self.end += segment.splice(pipe, goal - self.end)
        except OSError as error:
            if error.errno not in _NO_SPLICE:
                raise
            self._splices = False

    def _copy(self, pipe: int, goal: int) -> bytes:
        """Read the bytes up to `goal` out of the pipe and write what can be written; returns the rest."""
        data = memoryview(_read(pipe, goal - self.end))
        try:
            while data and self._current:
                written = self._current.write(data)
                self.end += written
                data = data[written:]
        except OSError as error:
            self._give_up(error)
        self.end += len(data)
        return bytes(data)

    def _give_up(self, error: OSError) -> None:
        """Nothing can be written for now: the next bytes that can begin a segment of their own."""
        if not self._retry_at:  # the first of these in a row: a log on a full disk needs no more
            log("the journal cannot be written", directory=self.directory, offset=self.end, error=str(error))
        if self._clock() >= self._retry_at:
            self._retry_at = self._clock() + RETRY_SECONDS
        self._leave()

    def _leave(self) -> None:
        """Close the current segment, and drop it again if it never got a byte."""
        if self._current and not self._current.size and len(self.segments) > 1:
            remove_segment(self.directory, self.segments.pop())
        self.close()


def _read(pipe: int, count: int) -> bytes:
    """What is in a pipe, up to `count` bytes."""
    pieces = []
    with suppress(BlockingIOError):
        while count and (piece := os.read(pipe, count)):
            pieces.append(piece)
            count -= len(piece)
    return b"".join(pieces)
