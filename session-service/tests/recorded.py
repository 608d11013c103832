"""Real programs in a terminal of their own, recorded: bytes, and where it was resized."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import shutil
import signal
import struct
import termios
import time
from contextlib import suppress
from pathlib import Path

from screen_lab import Resizes

QUIET_SECONDS = 0.3  # a program that says nothing as long waits for keys
LONGEST_SECONDS = 15.0
RESIZE = b"resize"

PROGRAMS: dict[str, tuple[list[str], list[bytes]]] = {
    "vim": (
        ["vim", "-u", "NONE", "-c", "syntax on", "-c", "set number", "text.py"],
        [b"G", b"ohello \xe4\xb8\xad\xe6\x96\x87 e\xcc\x81\x1b", b":vsplit\r", RESIZE, b"\x06", b"/def\r", b":qa!\r"],
    ),
    "less": (["less", "-R", "text.py"], [b" ", b"G", b"k", b"/import\r", RESIZE, b"g", b"q"]),
    "top": (["top", "-d", "0.2", "-n", "4"], [RESIZE, b"q"]),
    "git": (["git", "-c", "color.ui=always", "--no-pager", "log", "-p", "-3", "--stat"], []),
    "man": (["man", "-P", "less -R", "ls"], [b" ", RESIZE, b"G", b"q"]),
    "readline": (
        ["bash", "--norc", "--noprofile", "-i"],
        [b"echo " + b"wrapped " * 30, b"\x01\x0b", b"ls --color=always -l /\r", RESIZE, b"\x12ls", b"\x03", b"exit\r"],
    ),
    "progress": (
        ["bash", "-c", "for i in {1..60}; do printf '\\r\\e[K\\e[32m%3d%%\\e[m %*s' $i $i '#'; done; printf '\\n'"],
        [],
    ),
    "tmux": (
        ["tmux", "-f", "/dev/null", "-S", "tmux.sock", "new-session", "bash --norc"],
        [b"ls /\r", b"\x02%", b"seq 50\r", RESIZE, b"\x02c", b"\x02&y", b"exit\r", b"exit\r"],
    ),
    "htop": (["htop", "-d", "5"], [RESIZE, b"\x1b[B", b"t", b"q"]),
    "nano": (["nano", "-I", "text.py"], [b"hello \xe4\xb8\xad", b"\x16", RESIZE, b"\x17def\r", b"\x18", b"n"]),
    "mc": (["mc", "-u", "-d"], [b"\t", b"\x1b[B", RESIZE, b"\x1b3", b"\x1b0", b"\x1b0", b"\r"]),
    "watch": (["watch", "-n", "0.2", "-c", "date"], [RESIZE, b"q", b"\x03"]),
}


def there(name: str) -> bool:
    """Whether the program is on this machine."""
    return shutil.which(PROGRAMS[name][0][0]) is not None


def record(name: str, size: tuple[int, int], folder: Path) -> tuple[bytes, Resizes]:
    """What a program says to a terminal of `size` (columns, rows) that is made narrower meanwhile."""
    argv, keys = PROGRAMS[name]
    (folder / "text.py").write_text(Path(__file__).read_text() * 3)
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.environ.update(TERM="xterm-256color", LC_ALL="C.UTF-8", GIT_DIR=str(_git_folder()))
        os.execvp(argv[0], argv)  # noqa: S606 - no shell
    try:
        return _converse(terminal, keys, size)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(terminal)


def _git_folder() -> Path:
    return Path(__file__).resolve().parents[2] / ".git"


def _converse(terminal: int, keys: list[bytes], size: tuple[int, int]) -> tuple[bytes, Resizes]:
    said, resizes, waiting = bytearray(), [], list(keys)
    until = time.monotonic() + LONGEST_SECONDS
    _set_size(terminal, *size)
    while time.monotonic() < until:
        ready, _, _ = select.select([terminal], [], [], QUIET_SECONDS)
        if ready:
            try:
                said += os.read(terminal, 65536)
            except OSError:
                break
        elif not waiting:
            break
        elif (key := waiting.pop(0)) == RESIZE:
            cols, rows = size[0] - 17, size[1] - 3
            _set_size(terminal, cols, rows)
            resizes.append((len(said), cols, rows))
        else:
            os.write(terminal, key)
    return bytes(said), resizes


def _set_size(terminal: int, cols: int, rows: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))
