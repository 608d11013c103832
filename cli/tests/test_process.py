from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from gestalt_cli.stack import with_parent
from gestalt_cli.stack.process import Process, Recipe

Eventually = Callable[..., Awaitable[Any]]


class Heard:
    """A process and what was heard of it."""

    def __init__(self, program: str, *, log: int, fds: tuple[int, ...] = ()) -> None:
        self.lines: list[bytes] = []
        self.codes: list[int] = []
        recipe = Recipe([sys.executable, "-c", program], {"HOME": "/"}, log, fds)
        self.process = Process(recipe, on_line=self.lines.append, on_exit=self.codes.append)


@pytest.fixture
async def run(tmp_path: Path, eventually: Eventually) -> AsyncIterator[Callable[..., Heard]]:
    started: list[Heard] = []
    with (tmp_path / "log").open("wb") as log:

        def start(program: str, fds: tuple[int, ...] = ()) -> Heard:
            started.append(Heard(program, log=log.fileno(), fds=fds))
            return started[-1]

        yield start
        for heard in started:
            if not heard.codes:
                heard.process.signal(signal.SIGKILL)
            await eventually(lambda codes=heard.codes: codes)


async def test_a_program_that_is_not_there_ends_with_127_and_one_line(tmp_path: Path, eventually: Eventually) -> None:
    codes: list[int] = []
    with (tmp_path / "log").open("wb") as log:
        Process(Recipe(["/no/such/program"], {}, log.fileno()), on_line=print, on_exit=codes.append)
        await eventually(lambda: codes)
    assert codes == [127]
    assert (tmp_path / "log").read_text() == "/no/such/program: No such file or directory\n"


async def test_its_lines_are_heard_whole_and_its_end_once(run: Callable[..., Heard], eventually: Eventually) -> None:
    heard = run("import sys; sys.stdout.write('rea'); sys.stdout.flush(); print('dy x'); print('y'); sys.exit(3)")
    await eventually(lambda: heard.codes)
    assert heard.lines == [b"ready x", b"y"]
    assert heard.codes == [3]


async def test_a_stopped_process_hears_sigterm_too(run: Callable[..., Heard], eventually: Eventually) -> None:
    heard = run("print('up', flush=True); import time; time.sleep(60)")
    await eventually(lambda: heard.lines)
    os.kill(heard.process.pid, signal.SIGSTOP)
    heard.process.signal(signal.SIGTERM)
    await eventually(lambda: heard.codes)
    assert heard.codes == [-signal.SIGTERM]


async def test_a_grandchild_that_keeps_stdout_open_does_not_hide_the_end(
    run: Callable[..., Heard], eventually: Eventually
) -> None:
    heard = run("import os, time\npid = os.fork()\nif pid == 0:\n    time.sleep(60)\nprint(pid, flush=True)")
    await eventually(lambda: heard.codes and heard.lines)
    os.kill(int(heard.lines[0]), signal.SIGKILL)


async def test_only_the_file_descriptors_it_is_given_reach_it(
    run: Callable[..., Heard], eventually: Eventually, tmp_path: Path
) -> None:
    kept, not_given = os.open(tmp_path, os.O_RDONLY), os.open(tmp_path, os.O_RDONLY)
    heard = run("import os; print(sorted(map(int, os.listdir('/proc/self/fd'))))", (kept,))
    await eventually(lambda: heard.codes)
    numbers = [int(number) for number in heard.lines[0].strip(b"[]").split(b",")]
    assert kept in numbers
    assert not_given not in numbers
    os.close(kept)
    os.close(not_given)


PARENT = """
import os, subprocess, sys
child = subprocess.Popen([sys.executable, "-I", "-S", sys.argv[1], str(os.getpid()), "--", sys.executable, "-c",
    "import os, time; print(os.getpid(), flush=True); time.sleep(60)"])
child.wait()
"""


@pytest.mark.parametrize("stopped", [False, True])
async def test_it_dies_with_its_parent_even_stopped(stopped: bool, eventually: Eventually) -> None:  # noqa: FBT001 - a case
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, with_parent.__file__, stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    child = int(await parent.stdout.readline())
    if stopped:
        os.kill(child, signal.SIGSTOP)
    parent.kill()
    await parent.wait()
    await eventually(lambda: not alive(child), within=2)


async def test_it_does_not_start_when_its_parent_is_gone_already() -> None:
    argv = [sys.executable, "-I", "-S", with_parent.__file__, "1", "--", sys.executable, "-c", "print('started')"]
    late = await asyncio.create_subprocess_exec(*argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    said, complained = await late.communicate()
    assert said == b""
    assert b"process 1, which asked for this, is gone" in complained
    assert late.returncode == 127


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
