"""What a watcher knew, on disk: whoever watches next finds what changed in between. Blocking."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import astuple

from gestalt_session.workspace.watching.stamps import Files, Stamp

FRESH_SECONDS = 60.0
"""What changed while nobody watched for longer than this is no news."""
VERSION = 1


class Snapshot(Struct, frozen=True):
    """Files by directory, and the branch."""

    directories: dict[str, Files]
    branch: str | None


class SnapshotFile:
    """The snapshot of a workspace, replaced as a whole; its time says until when the watcher has lived."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._draft = path.with_suffix(".new")

    def load(self, roots: tuple[str, ...]) -> Snapshot | None:
        """What the last watcher of the same roots knew, if it lived a moment ago."""
        try:
            if time.time() - self._path.stat().st_mtime > FRESH_SECONDS:
                return None
            with self._path.open(encoding="ascii") as file:
                head = json.loads(next(file))
                if (head["version"], tuple(head["roots"])) != (VERSION, roots):
                    return None
                return Snapshot(dict(_directory(json.loads(line)) for line in file), head["branch"])
        except (OSError, ValueError, LookupError, TypeError, StopIteration):
            return None  # none, or none that can be read: a watcher that knows nothing begins anew

    def draft(self, roots: tuple[str, ...], directories: Mapping[str, Files], branch: str | None) -> None:
        """Write what will replace it. Raises OSError.

        A line is one directory, in ASCII: names may be any bytes. The watcher may go on meanwhile: a draft is of
        several moments, the last of which is its end.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._draft.open("w", encoding="ascii") as file:
            file.write(json.dumps({"version": VERSION, "roots": roots, "branch": branch}) + "\n")
            for directory, files in list(directories.items()):
                stamps = {name: astuple(stamp) for name, stamp in files.copy().items()}
                file.write(json.dumps([directory, stamps]) + "\n")

    def replace(self) -> None:
        """Take the draft, which must be of before all that is not published yet. Raises OSError."""
        self._draft.replace(self._path)

    def alive(self) -> None:
        """The watcher lives."""
        with suppress(OSError):
            os.utime(self._path)


def _directory(line: Any) -> tuple[str, Files]:
    directory, files = line
    return str(directory), {str(name): Stamp(*stamp) for name, stamp in files.items()}
