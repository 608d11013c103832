"""A service's log: its stderr goes straight into a file; we follow the file, and keep it from growing for ever.

Not a pipe through us: `up` may be stopped (Ctrl-Z) or slow, and no service may wait for that.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path
from typing import Self

LARGEST = 8 * 1024 * 1024
"""Bytes of a log file; with its one predecessor some days of a busy workspace at level info."""
READ_AT_ONCE = 1024 * 1024
"""Bytes that are looked at in one go; of a flood beyond it only the end is."""


class ServiceLog:
    """`<name>.log` in `directory`, appended to by any number of processes; `<name>.log.1` is what it held before."""

    def __init__(self, directory: Path, name: str, *, largest: int = LARGEST) -> None:
        self.path = directory / f"{name}.log"
        self._largest = largest
        self.fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._read_to = os.fstat(self.fd).st_size
        self._pending = b""
        self.last_line = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        os.close(self.fd)

    def new_lines(self) -> list[bytes]:
        """The whole lines written since the last call."""
        size = os.fstat(self.fd).st_size
        if size == self._read_to:
            return []
        start = max(self._read_to, size - READ_AT_ONCE)
        *lines, self._pending = (self._pending + os.pread(self.fd, size - start, start)).split(b"\n")
        self._read_to = size
        lines = [line for line in lines if line.strip()]
        self.last_line = lines[-1] if lines else self.last_line
        self._shorten(size)
        return lines

    def _shorten(self, size: int) -> None:
        """Copy and truncate: its writers hold the file open, so a new one under its name would stay empty."""
        if size < self._largest:
            return
        with contextlib.suppress(OSError):  # a full disk: the next look tries again
            shutil.copyfile(self.path, self.path.with_name(f"{self.path.name}.1"))
            os.ftruncate(self.fd, 0)
            self._read_to = 0
