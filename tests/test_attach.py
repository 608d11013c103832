"""`gestalt attach` in a real terminal: what it shows, what it types, how it ends, and what it survives."""

from __future__ import annotations

import shutil
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support import processes, programs
from tests.support.client import Api
from tests.support.eventually import eventually
from tests.support.stack import Stack
from tests.support.tmux import TMUX, Tmux

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(TMUX is None, reason="needs tmux"),
]
GESTALT = str(Path(sys.executable).with_name("gestalt"))
DETACH = "C-\\"


@pytest.fixture
async def terminal(tmp_path: Path) -> AsyncIterator[Tmux]:
    async with Tmux(tmp_path) as window:
        yield window


def attach(terminal: Tmux, system: Stack, ref: str, *flags: str) -> None:
    """Attach in the window."""
    terminal.run([GESTALT, "attach", *flags, ref], {"GESTALT_URL": system.url})


async def test_an_unknown_session_is_one_line_and_leaves_the_screen_alone(system: Stack, terminal: Tmux) -> None:
    attach(terminal, system, "nobody")
    assert await terminal.code() == 1
    assert f"no session 'nobody' at {system.url} (gestalt ls shows which there are)" in terminal.text()


async def test_a_shell_shows_its_last_screen_takes_keys_and_gives_its_exit_code(
    system: Stack, api: Api, terminal: Tmux
) -> None:
    session = await api.create(["sh", "-c", "echo before; exec env PS1='sh> ' sh"])
    attach(terminal, system, session["id"])
    await terminal.shows("before")
    await terminal.shows("sh>")
    terminal.type("echo $((6 * 7))", "Enter")
    await terminal.shows("42")
    terminal.type("stty size", "Enter")
    await terminal.shows("30 100")
    terminal.resize(90, 20)
    await eventually(lambda: _size(api, session["uid"], 90, 20), what="the session has the window's size")
    terminal.type("exit 7", "Enter")
    assert await terminal.code() == 7


async def _size(api: Api, uid: str, cols: int, rows: int) -> bool:
    found = await api.session(uid)
    return (found["cols"], found["rows"]) == (cols, rows)


async def test_detach_keys_leave_the_session_running_and_the_terminal_as_it_was(
    system: Stack, api: Api, terminal: Tmux
) -> None:
    session = await api.create(programs.echo())
    for keys, flags in (((DETACH,), ()), (("C-p", "C-q"), ("--detach-keys", "ctrl-p,ctrl-q"))):
        attach(terminal, system, session["uid"], *flags)
        await terminal.shows("ready")
        terminal.type("typed")
        await terminal.shows("typed")
        terminal.type(*keys)
        assert await terminal.code() == 0
        await terminal.shows(f"[detached from {session['id']}]")
    terminal.type("echo cooked $((40 + 2))", "Enter")
    await terminal.shows("cooked 42")
    assert (await api.session(session["uid"]))["status"] == "running"


async def test_readonly_types_and_resizes_nothing(system: Stack, api: Api, terminal: Tmux, tmp_path: Path) -> None:
    side = tmp_path / "typed"
    session = await api.create(programs.record(side))
    attach(terminal, system, session["id"], "--readonly")
    await terminal.shows("ready")
    terminal.type("not this", "Enter")
    terminal.resize(70, 15)
    assert (await api.type(session["id"], b"but this\n")).status_code == 200
    await terminal.shows("1")
    assert side.read_bytes() == b"but this\n"
    assert await _size(api, session["uid"], 80, 24)
    terminal.type(DETACH)
    assert await terminal.code() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
async def test_a_signal_puts_the_terminal_back(system: Stack, api: Api, terminal: Tmux, number: signal.Signals) -> None:
    session = await api.create(["sh", "-c", r"printf '\033[?1049h\033[?25l\033[?2004hon the other screen'; cat"])
    attach(terminal, system, session["id"])
    await terminal.shows("on the other screen")
    assert terminal.asked("#{alternate_on}#{cursor_flag}") == "10"
    processes.kill(terminal.pid("gestalt attach"), number)
    assert await terminal.code() == 128 + number
    assert terminal.asked("#{alternate_on}#{cursor_flag}") == "01"
    terminal.type("echo cooked $((40 + 2))", "Enter")
    await terminal.shows("cooked 42")


async def test_a_program_that_a_signal_ended_gives_128_and_the_signal(system: Stack, api: Api, terminal: Tmux) -> None:
    session = await api.create(programs.echo())
    attach(terminal, system, session["id"])
    await terminal.shows("ready")
    processes.kill((await api.session(session["uid"]))["pid"], signal.SIGKILL)
    assert await terminal.code() == 128 + signal.SIGKILL


@pytest.mark.skipif(shutil.which("vim") is None, reason="needs vim")
async def test_vim_looks_as_it_does_without_us(system: Stack, api: Api, terminal: Tmux, tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("".join(f"line {number} äöü 漢字\n" for number in range(1, 200)))
    vim = ["env", "TERM=screen-256color", "LANG=C.UTF-8", "vim", "-u", "NONE", "-N", str(text)]
    session = await api.create(vim, cols=100, rows=30)
    for _ in range(2):
        attach(terminal, system, session["id"])
        await terminal.shows("line 29 äöü 漢字")
        terminal.type("G")
        await terminal.shows("line 199 äöü 漢字")
        terminal.resize(60, 12)
        await eventually(lambda: "line 188" not in terminal.text(), what="vim draws a smaller window")
        await terminal.shows("line 199 äöü 漢字")
        terminal.resize(100, 30)
        terminal.type("gg")
        await terminal.shows("line 29 äöü 漢字")
        terminal.type(DETACH)
        assert await terminal.code() == 0
        assert "line 29" not in terminal.text()
    attach(terminal, system, session["id"])
    await terminal.shows("line 29 äöü 漢字")
    terminal.type(":cq 3", "Enter")
    assert await terminal.code() == 3


async def test_a_flood_of_50_mb_is_whole_and_bounded_in_memory(
    system: Stack, api: Api, terminal: Tmux, tmp_path: Path
) -> None:
    side = tmp_path / "written"
    session = await api.create(programs.numbered(50, side, wait=True))
    attach(terminal, system, session["id"])
    await eventually(lambda: _viewers(api, session["uid"]), what="the session has a viewer")
    before = processes.memory_kb(terminal.pid("gestalt attach"))
    programs.go(side)
    last = programs.expected(50_000_000 - programs.LINE_BYTES, 50_000_000).decode().rstrip()
    pid = terminal.pid("gestalt attach")
    await eventually(lambda: programs.written(side) > 40_000_000, 60, what="40 MB are written")
    assert processes.memory_kb(pid) < before + 16_000
    assert await terminal.code(60) == 0
    lines = terminal.text(history=True).splitlines()
    end = next(place for place in range(len(lines) - 1, 0, -1) if lines[place] == last)
    for back in range(1000):
        start = 50_000_000 - programs.LINE_BYTES * (back + 1)
        assert lines[end - back] == programs.expected(start, start + programs.LINE_BYTES).decode().rstrip()


async def _viewers(api: Api, uid: str) -> bool:
    return bool((await api.session(uid))["viewers"])


async def test_what_this_terminal_answers_by_itself_is_not_typed(system: Stack, api: Api, terminal: Tmux) -> None:
    asks = "stty raw -echo; printf ready; dd bs=1 count=1 2>/dev/null; printf '\\033[3;3H\\033[6n\\033[c'; exec cat -v"
    session = await api.create(["sh", "-c", asks])
    attach(terminal, system, session["uid"])
    await terminal.shows("ready")
    terminal.type("g")
    await terminal.shows("^[[3;3R^[[?1;2c")
    terminal.type("S-F3", "typed")
    await terminal.shows("^[[1;2Rtyped")
    output = await api.get(f"/api/sessions/{session['uid']}/output")
    assert "".join(output["lines"]).count("^[") == 3
    terminal.type(DETACH)
    assert await terminal.code() == 0
