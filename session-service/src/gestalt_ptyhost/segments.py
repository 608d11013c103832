"""The files of a journal: segments named by the absolute offset of their first byte, each with a timing index.

`%020d` holds bytes; `%020d.times` beside it holds records of (unix microseconds, offset), see TIME_RECORD.
"""

import os
import struct
from contextlib import suppress
from typing import Final

TIME_RECORD: Final = struct.Struct("<QQ")
"""When a burst was read, in unix microseconds, and the offset of its first byte."""
TIMES: Final = ".times"
_DIGITS: Final = 20
_MODE: Final = 0o600


def segment_name(start: int) -> str:
    """The file name of the segment that begins at an offset."""
    return f"{start:0{_DIGITS}d}"


def segment_starts(directory: str) -> list[int]:
    """The starts of all segments in a journal's directory, ascending."""
    return sorted(int(name) for name in os.listdir(directory) if len(name) == _DIGITS and name.isdecimal())


def remove_segment(directory: str, start: int) -> None:
    """Delete a segment and its timing index; readers who hold them open go on reading."""
    path = os.path.join(directory, segment_name(start))
    for name in (path, path + TIMES):
        with suppress(OSError):
            os.unlink(name)


class Segment:
    """One segment being written, at its end."""

    __slots__ = ("_fd", "_times", "size", "start")

    def __init__(self, directory: str, start: int) -> None:
        path = os.path.join(directory, segment_name(start))
        # Not O_APPEND: splice refuses such files.
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)
        self.start = start
        self.size = os.lseek(self._fd, 0, os.SEEK_END)
        self._times = _open_times(path + TIMES)

    def splice(self, pipe: int, count: int) -> int:
        """Move up to `count` bytes from a pipe to the end of the file; OSError says that none were moved."""
        moved = os.splice(pipe, self._fd, count)
        self.size += moved
        return moved

    def write(self, data: bytes | memoryview) -> int:
        """Write at the end of the file; returns how many bytes were written."""
        written = os.write(self._fd, data)
        self.size += written
        return written

    def read(self, offset: int, count: int) -> bytes:
        """Up to `count` bytes from an absolute offset of this segment on."""
        return os.pread(self._fd, count, offset - self.start)

    def stamp(self, microseconds: int, offset: int) -> None:
        """Add a record to the timing index, whole or not at all: it is a convenience and may miss records."""
        if self._times < 0:
            return
        with suppress(OSError):
            written = os.write(self._times, TIME_RECORD.pack(microseconds, offset))
            if written != TIME_RECORD.size:
                _cut_to_whole_records(self._times)

    def close(self) -> None:
        """Close both files."""
        os.close(self._fd)
        if self._times >= 0:
            os.close(self._times)


def _open_times(path: str) -> int:
    """The timing index, positioned at its end; -1 when it cannot be had, which stops nothing."""
    with suppress(OSError):
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, _MODE)
        _cut_to_whole_records(fd)
        return fd
    return -1


def _cut_to_whole_records(fd: int) -> None:
    size = os.fstat(fd).st_size
    if size % TIME_RECORD.size:
        os.ftruncate(fd, size - size % TIME_RECORD.size)
