"""A real zygote: what its children are, and with whom they die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gestalt_cli.stack.forks import KILLED, Zygote
from gestalt_cli.stack.process import Process, Recipe

Eventually = Callable[..., Awaitable[Any]]
FAKES = Path(__file__).with_name("fakes")
SLEEPS = "print('up', flush=True); import time; time.sleep(60)"


class Nursery:
    """A zygote, and what was forked from it."""

    def __init__(self, log: int) -> None:
        self.zygote = Zygote()
        self.log = log
        self.lines: list[bytes] = []
        self.codes: list[int] = []
        socket = self.zygote.renew()
        self.popen = subprocess.Popen(
            [sys.executable, "-P", "-m", "gestalt_cli.stack.zygote", str(socket), "forked_program"],
            env={"PYTHONPATH": str(FAKES), "OF": "the zygote"},
            stdout=subprocess.PIPE,
            pass_fds=(socket,),
        )
        assert self.popen.stdout is not None
        assert self.popen.stdout.readline() == b"ready zygote\n"

    def start(self, program: str, fds: tuple[int, ...] = ()) -> Process:
        """A fork of it; when there can be none, a program that says so."""
        recipe = Recipe(
            [sys.executable, "-c", "print('a program', flush=True)"],
            {"PROGRAM": program},
            self.log,
            fds,
            module="forked_program",
        )
        return Process(recipe, on_line=self.lines.append, on_exit=self.codes.append, zygote=self.zygote)

    def end(self) -> None:
        """It and its socket."""
        self.zygote.close()
        self.popen.kill()
        self.popen.communicate()


@pytest.fixture
def nursery(tmp_path: Path) -> Iterator[Nursery]:
    with (tmp_path / "log").open("wb") as log:
        made = Nursery(log.fileno())
        yield made
        made.end()


def state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "gone"


async def test_a_zygote_that_is_dead_or_deaf_is_done_without(nursery: Nursery, eventually: Eventually) -> None:
    nursery.zygote._ours.settimeout(0.1)
    nursery.popen.send_signal(signal.SIGSTOP)
    nursery.start(SLEEPS)
    await eventually(lambda: nursery.codes)
    nursery.popen.send_signal(signal.SIGCONT)
    await eventually(lambda: nursery.popen.poll() is not None)  # it has seen that nobody wants anything of it
    nursery.start(SLEEPS)
    await eventually(lambda: len(nursery.codes) == 2)
    assert nursery.lines == [b"a program"] * 2


async def test_a_fork_has_what_it_is_given_and_nothing_else(
    nursery: Nursery, eventually: Eventually, tmp_path: Path
) -> None:
    kept = os.open(tmp_path, os.O_RDONLY)
    process = nursery.start(
        "import os, sys; print(sorted(map(int, os.listdir('/proc/self/fd'))), dict(os.environ), sys.argv, "
        "os.getsid(0) == os.getpid(), open('/proc/self/cmdline').read().rstrip('\\0'))",
        (kept,),
    )
    await eventually(lambda: nursery.codes)
    (line,) = nursery.lines
    program = process._running.pid
    assert line.startswith(f"[0, 1, 2, 3, {kept}] {{'PROGRAM': ".encode())  # 3 is the listing's own
    assert line.endswith(b"} ['forked_program'] True forked_program")
    assert nursery.codes == [0]
    await eventually(lambda: state(program) == "gone")  # it was buried
    os.close(kept)


@pytest.mark.parametrize(
    ("program", "code", "words"),
    [
        ("import sys; sys.exit(3)", 3, ""),
        ("import sys; sys.exit('cannot')", 1, "cannot\n"),
        ("import os; os.kill(os.getpid(), 15)", -15, ""),
        ("raise OSError('broken')", 1, "OSError: broken\n"),
    ],
)
async def test_its_end_is_that_of_a_program(
    nursery: Nursery, eventually: Eventually, tmp_path: Path, program: str, code: int, words: str
) -> None:
    nursery.start(program)
    await eventually(lambda: nursery.codes)
    assert nursery.codes == [code]
    assert (tmp_path / "log").read_text().endswith(words)


@pytest.mark.parametrize("stopped", [False, True])
async def test_it_dies_with_who_holds_its_stdin_even_stopped(
    nursery: Nursery,
    eventually: Eventually,
    stopped: bool,  # noqa: FBT001 - a case
) -> None:
    process = nursery.start(SLEEPS)
    await eventually(lambda: nursery.lines)
    if stopped:
        os.kill(process.pid, signal.SIGSTOP)
    os.close(process._stdin)
    process._stdin = os.open(os.devnull, os.O_RDONLY)
    await eventually(lambda: nursery.codes)
    assert nursery.codes == [-signal.SIGKILL]


async def test_it_outlives_the_zygote(nursery: Nursery, eventually: Eventually) -> None:
    process = nursery.start(SLEEPS)
    await eventually(lambda: nursery.lines)
    nursery.popen.kill()
    nursery.popen.wait()
    assert state(process.pid) == "S"
    process.signal(signal.SIGTERM)
    await eventually(lambda: nursery.codes)
    assert nursery.codes[0] in {KILLED, -signal.SIGTERM}  # init may have buried it before anybody looked
