"""A lock file: held until it is closed or its holder dies, however that dies."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Self

NOTE_BYTES = 512


class Lock:
    """An flock on the file at `path`, with a note in it about who holds it. Raises OSError when it cannot be opened."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        os.close(self.fd)

    def take(self) -> bool:
        """Try to take it; whether it is ours now."""
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def note(self, text: str) -> None:
        """Leave a word for who finds it taken."""
        os.ftruncate(self.fd, 0)
        os.pwrite(self.fd, text.encode()[:NOTE_BYTES], 0)

    def read_note(self) -> str:
        """What its holder says about itself, on one line."""
        return os.pread(self.fd, NOTE_BYTES, 0).decode(errors="replace").strip()
