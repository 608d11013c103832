"""Screens on disk: snapshots beside the journal, from which a terminal is made again without reading all of it."""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct

from gestalt_session.terminal.slot import PRIVATE_FOLDER, replace_file

MOST = 128
"""Of one session: two for each MiB of the default journal. A window dragged over an hour leaves no more."""

EVERY_BYTES = 1024 * 1024
"""How much output lies between two of them at least: read again in a tenth of a second."""


class Checkpoint(Struct, frozen=True):
    """A terminal at `offset`. `sizes` is how many of the session's size marks it has seen."""

    offset: int
    cols: int
    rows: int
    sizes: int
    redraw: bytes


class Checkpoints:
    """Those of one session."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def newest(self, least: int, most: int) -> Checkpoint | None:
        """The last one from `least` to `most` that can be read."""
        for offset in sorted(self._offsets(), reverse=True):
            if least <= offset <= most:
                found = self._read(offset)
                if found is not None:
                    return found
        return None

    def keep(self, checkpoint: Checkpoint, base: int) -> None:
        """Write one, and drop those whose bytes are gone, and the oldest beyond MOST. Raises OSError."""
        self._folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        replace_file(self._path(checkpoint.offset), msgspec.msgpack.encode(checkpoint))
        offsets = sorted(self._offsets())
        for offset in {*offsets[:-MOST], *(offset for offset in offsets if offset < base)}:
            self._path(offset).unlink(missing_ok=True)

    def _offsets(self) -> list[int]:
        names = [path.stem for path in self._folder.glob("*.screen")] if self._folder.is_dir() else []
        return [int(name) for name in names if name.isdigit()]

    def _path(self, offset: int) -> Path:
        return self._folder / f"{offset:020d}.screen"

    def _read(self, offset: int) -> Checkpoint | None:
        try:
            return msgspec.msgpack.decode(self._path(offset).read_bytes(), type=Checkpoint)
        except (OSError, msgspec.MsgspecError):
            return None
