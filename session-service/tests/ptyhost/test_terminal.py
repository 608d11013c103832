"""One terminal: how much of it a turn moves, and what "drained" means."""

from __future__ import annotations

import errno
import fcntl
import os
import termios
import tty
from collections.abc import Iterator

import pytest

from gestalt_ptyhost.terminal import Terminal, open_pty

PAGE = 4096


class Opened:
    """A terminal with its other side, and a pipe of so many pages."""

    def __init__(self, pages: int) -> None:
        master, self.slave = open_pty(80, 24)
        tty.setraw(self.slave)
        os.set_blocking(self.slave, False)
        pipe_r, pipe_w = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        fcntl.fcntl(pipe_w, fcntl.F_SETPIPE_SZ, pages * PAGE)
        self.terminal = Terminal(master, pipe_r, pipe_w, os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))

    def write(self, data: bytes) -> bytes:
        """Write what finds room; returns the rest."""
        try:
            return data[os.write(self.slave, data) :]
        except BlockingIOError:
            return data

    def take(self) -> tuple[bytes, bool]:
        """One turn's bytes, and whether it found the terminal drained."""
        moved, drained = self.terminal.fill()
        data = os.read(self.terminal.pipe_r, moved) if moved else b""
        assert len(data) == moved
        assert self.terminal.held() == 0
        return data, drained

    def hang_up(self) -> None:
        """Close the other side."""
        os.close(self.slave)
        self.slave = -1

    def close(self) -> None:
        if self.slave >= 0:
            self.hang_up()
        self.terminal.close()


@pytest.fixture(params=[1, 2, 16], ids="pipe of {} pages".format)
def opened(request: pytest.FixtureRequest) -> Iterator[Opened]:
    terminal = Opened(request.param)
    yield terminal
    terminal.close()


@pytest.fixture(params=[False, True], ids=["splice", "read and write"])
def without_splice(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    if request.param:

        def refused(*_: object, **__: object) -> int:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

        monkeypatch.setattr(os, "splice", refused)
    return bool(request.param)


def test_an_empty_terminal_is_drained(opened: Opened) -> None:
    assert opened.take() == (b"", True)


@pytest.mark.usefixtures("without_splice")
def test_a_few_bytes_are_moved_at_once_and_the_next_turn_finds_it_drained(opened: Opened) -> None:
    opened.write(b"hello")

    assert opened.take() == (b"hello", False)
    assert opened.take() == (b"", True)


@pytest.mark.usefixtures("without_splice")
def test_a_full_pipe_is_not_taken_for_a_drained_terminal(opened: Opened) -> None:
    written = bytes(range(256)) * 400
    rest, seen, turns = written, b"", 0
    while len(seen) < len(written):
        rest = opened.write(rest) if rest else rest
        data, drained = opened.take()
        assert not (drained and not data and not rest and len(seen) + len(data) < len(written))
        seen += data
        turns += 1

    assert seen == written
    assert opened.take() == (b"", True)


@pytest.mark.usefixtures("without_splice")
def test_the_last_bytes_come_before_the_hang_up(opened: Opened) -> None:
    opened.write(b"last")
    opened.hang_up()

    assert opened.take()[0] == b"last"
    assert opened.take() == (b"", True)


def test_a_terminal_begins_with_its_size_and_erases_whole_characters() -> None:
    master, slave = open_pty(132, 50)

    assert os.get_terminal_size(slave) == os.terminal_size((132, 50))
    assert termios.tcgetattr(slave)[0] & 0o40000  # IUTF8
    assert not os.get_blocking(master)
    assert not os.get_inheritable(master)
    os.close(master)
    os.close(slave)
