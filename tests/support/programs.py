"""Small deterministic programs for terminals, and what they must have written.

This file is run by the terminal (`python -I -S programs.py NAME …`, standard library only) and imported by the tests:
`numbered(…)`, `echo()`, `record(…)`, `size()` are the argv lists to start. All set their terminal raw, so that every
byte they write is one byte of output, and every byte typed reaches them as it is.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import tty
from collections.abc import Callable
from pathlib import Path

MEGABYTE = 1_000_000
LINE_BYTES = 100
"""Bytes of a numbered line: ten digits, filling, CR LF."""
FILLING = (b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789" * 2)[: LINE_BYTES - 13]
BLOCK_LINES = 160
READ_BYTES = 65_536
LOOK_SECONDS = 0.001
BEGUN = b"ready\r\n"
"""What `echo` and `record` write first: the terminal is raw from here on."""
END = b"\x04"
"""What ends `echo` and `record`."""


def numbered(megabytes: float, side: Path, *, wait: bool = False) -> list[str]:
    """Write the numbered bytes, so many MB (0: without end); `side` says how many were written. `wait`: until `go`."""
    return [*_this("numbered"), str(int(megabytes * MEGABYTE)), str(side), "wait" if wait else "now"]


def echo() -> list[str]:
    """Write BEGUN, then every byte that is typed, until END."""
    return _this("echo")


def record(side: Path) -> list[str]:
    """Write BEGUN, append every byte that is typed to `side`, and write how many lines that is now: `<n>\\r\\n`."""
    return [*_this("record"), str(side)]


def size() -> list[str]:
    """Write `<cols>x<rows>\\r\\n` at the start and at each change, until END."""
    return _this("size")


def go(side: Path) -> None:
    """Let a `numbered` program that waits begin. Not by typing: what is typed too early is echoed."""
    _go_file(side).touch()


def expected(start: int, stop: int) -> bytes:
    """The numbered bytes from offset `start` to `stop`."""
    first, last = start // LINE_BYTES, -(-stop // LINE_BYTES)
    lines = b"".join(_line(number) for number in range(first, last))
    return lines[start - first * LINE_BYTES : stop - first * LINE_BYTES]


def written(side: Path) -> int:
    """How many bytes a `numbered` program has written so far."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        return int(side.read_text(encoding="ascii"))
    return 0


def _go_file(side: Path) -> Path:
    return side.with_name(f"{side.name}.go")


def _this(name: str) -> list[str]:
    return [sys.executable, "-I", "-S", str(Path(__file__).resolve()), name]


def _line(number: int) -> bytes:
    return b"%010d %s\r\n" % (number % 10**10, FILLING)


def _write_all(data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(1, view) :]


def _run_numbered(total: str, side: str, when: str) -> None:
    while when == "wait" and not _go_file(Path(side)).exists():
        select.select([], [], [], LOOK_SECONDS)
    fd = os.open(side, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    done, end = 0, int(total)
    while not end or done < end:
        data = expected(done, done + BLOCK_LINES * LINE_BYTES)[: end - done if end else None]
        while data:
            taken = os.write(1, data)
            done += taken
            data = data[taken:]
            os.pwrite(fd, b"%020d" % done, 0)


def _run_echo() -> None:
    _write_all(BEGUN)
    while (data := os.read(0, READ_BYTES)) and END not in data:
        _write_all(data)


def _run_record(side: str) -> None:
    fd = os.open(side, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    _write_all(BEGUN)
    lines = 0
    while (data := os.read(0, READ_BYTES)) and END not in data:
        os.write(fd, data)
        lines += data.count(b"\n")
        _write_all(b"%d\r\n" % lines)


def _run_size() -> None:
    def tell(*_: object) -> None:
        columns, rows = os.get_terminal_size(0)
        _write_all(b"%dx%d\r\n" % (columns, rows))

    signal.signal(signal.SIGWINCH, tell)
    tell()
    while END not in os.read(0, READ_BYTES):
        pass


if __name__ == "__main__":
    tty.setraw(0)
    programs: dict[str, Callable[..., None]] = {
        "numbered": _run_numbered,
        "echo": _run_echo,
        "record": _run_record,
        "size": _run_size,
    }
    programs[sys.argv[1]](*sys.argv[2:])
