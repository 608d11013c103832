"""Commands that people sent to a session, on disk: one JSON object a line, the last thousand kept in hand."""

from __future__ import annotations

from collections import deque
from datetime import datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from gestalt_session.terminal.slot import PRIVATE_FILE, replace_file

KEPT = 1_000
REWRITTEN_AT = 4 * KEPT  # lines in the file before it is cut down to the kept ones


class Command(Struct, frozen=True):
    """One entry, as the API shows it."""

    command: str
    timestamp: datetime


class InputHistory:
    """Reads and appends `input-history.jsonl`. Blocking, but only by one small file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines = 0
        self._commands: deque[Command] = deque(self._load(), maxlen=KEPT)

    def _load(self) -> list[Command]:
        try:
            raw = self._path.read_bytes()
        except FileNotFoundError:
            return []
        lines = raw.splitlines()
        # A line cut by a crash would swallow the next one.
        self._lines = len(lines) if raw.endswith(b"\n") else REWRITTEN_AT
        return [command for line in lines if (command := _decode(line)) is not None]

    def add(self, command: Command) -> None:
        """Keep a command, on disk before anywhere else."""
        if self._lines >= REWRITTEN_AT:
            replace_file(self._path, b"".join(msgspec.json.encode(kept) + b"\n" for kept in self._commands))
            self._lines = len(self._commands)
        with self._path.open("ab") as file:
            self._path.chmod(PRIVATE_FILE)
            file.write(msgspec.json.encode(command) + b"\n")
        self._lines += 1
        self._commands.append(command)

    def last(self, limit: int, since: datetime | None) -> list[Command]:
        """The last `limit` commands, oldest first, none before `since`."""
        wanted = [command for command in self._commands if since is None or command.timestamp >= since]
        return wanted[-limit:]


def _decode(line: bytes) -> Command | None:
    try:
        return msgspec.json.decode(line, type=Command)
    except msgspec.MsgspecError:
        return None  # cut by a crash in mid-write
