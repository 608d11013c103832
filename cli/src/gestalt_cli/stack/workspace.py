"""The workspace's data directory: what lies in it, who uses it now, and whose it is."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

from gestalt_cli.errors import CommandFailed
from gestalt_cli.stack.lock import Lock
from gestalt_cli.stack.waiting import until

PRIVATE = ("redis", "logs", "slots", "watch")
IGNORED = "# From `gestalt up`: what belongs to this machine, not into a repository.\n" + "".join(
    f"/{name}\n" for name in (*PRIVATE, "up.lock", "workspace.id", ".gitignore")
)


def prepare(data: Path) -> None:
    """Make the data directory and its private parts, which only their owner may enter. Raises CommandFailed."""
    try:
        data.mkdir(parents=True, exist_ok=True)
        for name in PRIVATE:
            (data / name).mkdir(exist_ok=True)
            (data / name).chmod(0o700)
        if not (data / ".gitignore").exists():
            (data / ".gitignore").write_text(IGNORED, encoding="utf-8")
    except OSError as error:
        raise CommandFailed(f"gestalt up: cannot use {data}: {error.strerror}") from error


@contextlib.asynccontextmanager
async def locked(workspace: Path, data: Path, deadline: float) -> AsyncIterator[Lock]:
    """Be the only `gestalt up` of this data directory. Raises CommandFailed when another still is at the deadline."""
    with Lock(data / "up.lock") as lock:
        if not await until(lock.take, deadline):
            raise CommandFailed(f"gestalt up: {workspace} is in use by another gestalt up ({lock.read_note()})")
        lock.note(f"pid {os.getpid()}")
        yield lock


def identity(data: Path) -> str:
    """The workspace's id, made once and kept: by it an external Redis knows whose data it holds."""
    path = data / "workspace.id"
    if not path.exists():
        path.write_text(f"{secrets.token_hex(16)}\n", encoding="ascii")
    return path.read_text(encoding="ascii").strip()
