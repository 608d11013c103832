"""A ClickHouse for tests: the engine itself, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

SHIM = Path(__file__).with_name("clickhouse_shim.py")
USER, PASSWORD = "gestalt", "a pass/word"


class Embedded:
    """A server on a folder; started again it has the same port."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[str]
        self._port = "0"

    @property
    def address(self) -> str:
        """As GESTALT_TELEMETRY_STORE has it, without a database."""
        return f"clickhouse://{USER}:{quote(PASSWORD, safe='')}@127.0.0.1:{self._port}"

    def start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(SHIM), str(self._folder), self._port],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self._port = self._process.stdout.readline().removeprefix("ready ").strip()

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()


@contextmanager
def embedded(folder: Path) -> Iterator[Embedded]:
    """A server as long as it lasts."""
    server = Embedded(folder)
    server.start()
    try:
        yield server
    finally:
        server.kill()
