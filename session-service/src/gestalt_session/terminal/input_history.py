"""Commands that people sent to a session, on disk: one JSON object a line, the last thousand kept in hand."""

from __future__ import annotations

import threading
from collections import deque
from datetime import datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from gestalt_session.terminal.slot import PRIVATE_FILE, replace_file

KEPT = 1_000
REWRITTEN_AT = 4 * KEPT  # lines in the file before it is cut down to the kept ones
_one_at_a_time = threading.Lock()  # a command added while the file is cut down would be lost


class Command(Struct, frozen=True):
    """One entry, as the API shows it."""

    command: str
    timestamp: datetime


class InputHistory:
    """Reads and appends `input-history.jsonl`. Blocking, but only by one small file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines = 0
        self._torn = False  # a line cut by a crash must not swallow the next one
        self._commands: deque[Command] = deque(self._load(), maxlen=KEPT)

    def _load(self) -> list[Command]:
        try:
            raw = self._path.read_bytes()
        except FileNotFoundError:
            return []
        lines = raw.splitlines()
        self._lines, self._torn = len(lines), bool(raw) and not raw.endswith(b"\n")
        return [command for line in lines if (command := _decode(line)) is not None]

    def add(self, command: Command) -> None:
        """Keep a command, on disk before anywhere else."""
        with _one_at_a_time:
            if self._lines >= REWRITTEN_AT:
                self._cut_down()
            with self._path.open("ab") as file:
                self._path.chmod(PRIVATE_FILE)
                file.write(b"\n" * self._torn + msgspec.json.encode(command) + b"\n")
        self._lines, self._torn = self._lines + 1, False
        self._commands.append(command)

    def _cut_down(self) -> None:
        self._commands = deque(self._load(), maxlen=KEPT)
        replace_file(self._path, b"".join(msgspec.json.encode(kept) + b"\n" for kept in self._commands))
        self._lines, self._torn = len(self._commands), False

    def last(self, limit: int, since: datetime | None) -> list[Command]:
        """The last `limit` commands, oldest first, none before `since`."""
        wanted = [command for command in self._commands if since is None or command.timestamp >= since]
        return wanted[-limit:]


def _decode(line: bytes) -> Command | None:
    try:
        return msgspec.json.decode(line, type=Command)
    except msgspec.MsgspecError:
        return None  # cut by a crash in mid-write
