"""Tmux as the runner meets it: its names, versions, exit codes, and bytes typed into a real window."""

from __future__ import annotations

import asyncio
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from session_world import Running, World, alive, processes, refused
from waiting import DEADLINE, eventually

from gestalt_contracts.uids import new_uid
from gestalt_session.terminal.folder import TMUX_RUNNER, SessionFile, SessionFolder
from gestalt_session.terminal.tmux.commands import NoServer, Tmux, TmuxUnavailable, literal, version_of
from gestalt_session.terminal.tmux.control import Control
from gestalt_session.terminal.tmux.launcher import GATE
from gestalt_session.terminal.tmux.pane import commands, quoted
from gestalt_session.terminal.tmux.windows import Window, Windows, exit_code, shown, window_of

in_the_loop = pytest.mark.asyncio(loop_scope="module")
needs_tmux = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")

WINDOW = Window("uid-1", "$0", "@0", "%0", 1, "/dev/null", 1, dead=False, exit_code=None)
RECORD = "import os, sys, tty; tty.setraw(0); f = open(sys.argv[1], 'ab', 0)\nwhile True: f.write(os.read(0, 65536))"


@pytest.mark.parametrize("script", [None, "echo tmux 3.1c", "echo tmux 2.9", "exit 1"])
@in_the_loop
async def test_without_a_tmux_of_today_no_window_is_opened(
    worker: Running, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str | None
) -> None:
    if script is not None:
        (tmp_path / "tmux").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "tmux").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    before = await worker.uids()
    refused(await worker.http.post("/api/sessions", json={"runner": "external"}), 503, "tmux unavailable")
    assert await worker.uids() == before


def a_file(number: int) -> SessionFile:
    """Of a session in tmux."""
    return SessionFile(
        uid=new_uid(),
        id="x 1",
        number=number,
        host="",
        title="x",
        role="",
        command="true",
        argv=["true"],
        cwd="/",
        cols=80,
        rows=24,
        created_at=0.0,
        runner=TMUX_RUNNER,
    )


@needs_tmux
@in_the_loop
async def test_a_window_whose_pipes_cannot_be_made_leaves_no_session(worker: Running) -> None:
    terminals = worker.service.terminals
    file = a_file(terminals.take_number())
    in_the_way = terminals.tmux.tmux.slot / "sessions" / file.uid / "gate"
    in_the_way.mkdir(parents=True)
    with pytest.raises(FileExistsError):
        await terminals.open(file, {})
    assert file.uid not in terminals.sessions
    assert not in_the_way.exists()


@needs_tmux
@in_the_loop
async def test_a_window_whose_worker_died_before_its_program_began_holds_nobody_up(world: World) -> None:
    worker = await world.start()
    terminals = worker.service.terminals
    file = a_file(terminals.take_number())
    folder = SessionFolder(terminals.tmux.tmux.slot / "sessions" / file.uid)
    folder.make()
    folder.save(file)
    os.mkfifo(folder.path / "gate")
    await terminals.tmux.windows.make(file.uid, file.id, folder.path)
    await worker.stop()
    worker = await world.start()
    assert (await worker.session(file.uid))["close_reason"] == "worker lost"
    assert await worker.service.terminals.tmux.windows.find(file.uid) is None


LEAVES_SLOWLY = """\
import signal, sys, time
signal.signal(signal.SIGHUP, lambda *_: None)
print("ready", flush=True)
signal.pause()
time.sleep(0.3)
open(sys.argv[1], "w").close()
"""


@needs_tmux
@in_the_loop
async def test_a_program_whose_window_is_closed_may_tidy_up(worker: Running, tmp_path: Path) -> None:
    """An editor that hears its terminal hang up saves what it has."""
    saved = tmp_path / "saved"
    made = await worker.create([sys.executable, "-c", LEAVES_SLOWLY, str(saved)], runner="external")
    await worker.shows(made["uid"], "ready")
    windows = worker.service.terminals.tmux.windows
    window = await windows.find(made["uid"])
    assert window is not None
    await windows.kill(window)
    assert (await worker.closed(made["uid"]))["close_reason"] == "tmux window closed"
    await eventually(saved.exists)


@needs_tmux
@in_the_loop
async def test_a_program_that_ignores_its_closed_window_is_killed(worker: Running) -> None:
    command = "trap '' HUP TERM; echo ready; while :; do sleep 0.05; done"
    made = await worker.create(["sh", "-c", command], runner="external")
    await worker.shows(made["uid"], "ready")
    windows = worker.service.terminals.tmux.windows
    window = await windows.find(made["uid"])
    assert window is not None
    await windows.kill(window)
    await worker.closed(made["uid"])
    await eventually(lambda: not alive(made["pid"]))


@needs_tmux
@in_the_loop
async def test_a_worker_that_stops_leaves_no_program_whose_window_is_closed(world: World) -> None:
    worker = await world.start()
    made = await worker.create(["sh", "-c", "trap '' HUP TERM; echo ready; sleep 600; sleep 600"], runner="external")
    await worker.shows(made["uid"], "ready")
    windows = worker.service.terminals.tmux.windows
    window = await windows.find(made["uid"])
    assert window is not None
    await windows.kill(window)
    await worker.closed(made["uid"])
    await worker.stop()
    await eventually(lambda: not alive(made["pid"]))


class Dying(Tmux):
    """A server that is found dead; whoever asks learns it while the next one is being wanted."""

    def __init__(self, slot: Path) -> None:
        super().__init__(slot)
        self.control = Control(self)
        self.attached = self.asked = 0

    def client(self) -> list[str]:
        self.attached += 1
        return ["true"]

    async def run(self, *_: str) -> str:
        self.asked += 1
        if self.asked == 1:
            self.control.want("$0")
        raise NoServer("no server running")


@in_the_loop
async def test_a_server_wanted_while_the_last_one_dies_is_connected_to(tmp_path: Path) -> None:
    tmux = Dying(tmp_path)
    serving = asyncio.create_task(tmux.control.serve_forever())
    try:
        tmux.control.want("$0")
        await eventually(lambda: tmux.attached == 2)
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


@in_the_loop
async def test_a_tmux_that_hangs_keeps_nothing_else_waiting(
    worker: Running, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "tmux").write_text("#!/bin/sh\n/bin/sleep 0.3; exit 1\n")
    (tmp_path / "tmux").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(worker.service.terminals.tmux.tmux, "_version", None)
    asked = [asyncio.create_task(worker.http.post("/api/sessions", json={"runner": "external"})) for _ in range(40)]
    await eventually(lambda: any(processes(str(tmp_path).encode(), "cmdline")))
    await worker.get("/api/agents")
    assert sum(post.done() for post in asked) < len(asked) / 2
    await asyncio.gather(*asked)


@needs_tmux
@in_the_loop
async def test_a_worker_that_died_while_it_made_the_first_window_is_in_nobodys_way(tmp_path: Path) -> None:
    """It had no time to mark its tmux session as ours; another cannot have that name."""
    windows = Windows(Tmux(tmp_path), "Gestalt my.work")
    os.mkfifo(tmp_path / GATE)  # without it the window's launcher would end before anybody looks
    tmux(tmp_path, "new-session", "-d", "-s", "Gestalt my.work", "sleep 600")
    try:
        made = await windows.make("uid-1", "x 1", tmp_path)
        assert (await windows.all()) == {"uid-1": made}
    finally:
        tmux(tmp_path, "kill-server")


@needs_tmux
@in_the_loop
async def test_a_server_that_does_not_run_has_no_windows(tmp_path: Path) -> None:
    tmux = Tmux(tmp_path)
    assert await Windows(tmux, "title").all() == {}
    with pytest.raises(NoServer):
        await tmux.run("list-sessions")


@in_the_loop
async def test_no_tmux_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TmuxUnavailable, match="not installed"):
        await Tmux(tmp_path).version()


@pytest.mark.parametrize(
    ("said", "version"),
    [("tmux 3.3a\n", (3, 3)), ("tmux next-3.6", (3, 6)), ("tmux 3.2", (3, 2)), ("tmux master", (999, 0))],
)
def test_versions(said: str, version: tuple[int, int]) -> None:
    assert version_of(said) == version


@pytest.mark.parametrize(
    ("name", "said"), [("a.b:c", "a.b:c"), ("#(rm)", "##(rm)"), ("end;", "end\\;"), ("#{x};", "##{x}\\;"), (";a", ";a")]
)
def test_names_are_taken_as_they_are(name: str, said: str) -> None:
    assert literal(name) == said


def test_what_tmux_makes_of_the_name_of_its_session() -> None:
    assert shown("Gestalt my.proj:2") == "Gestalt my_proj_2"


@pytest.mark.parametrize(
    ("status", "number", "code"),
    [("0", "", 0), ("7", "", 7), ("", "9", -9), ("", "TERM", -15), ("", "SIGHUP", -1), ("", "", None), ("", "?", None)],
)
def test_exit_codes(status: str, number: str, code: int | None) -> None:
    assert exit_code(status, number) == code


def test_windows_that_are_not_ours_are_passed_over() -> None:
    assert window_of("|$0|@0|%0|12|/dev/pts/1|10|0||") is None
    assert window_of("uid|$0|@1|%2|12|/dev/pts/1|10|1|3|") == Window(
        "uid", "$0", "@1", "%2", 12, "/dev/pts/1", 10, dead=True, exit_code=3
    )


def test_typing_never_leaves_its_line() -> None:
    for command in commands(bytes(range(256)), WINDOW, []):
        assert command.isascii()
        assert "\n" not in command


def test_what_a_shell_or_tmux_would_see_is_written_as_a_number() -> None:
    assert quoted(b'a $"\\~\n\xff;') == '"a \\044\\042\\134\\176\\012\\377;"'


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a tmux server with one window, whose program appends what is typed to the file `typed`."""
    slot = tmp_path_factory.mktemp("slot")
    argv = [sys.executable, "-I", "-S", "-c", RECORD, str(slot / "typed")]
    tmux(slot, "new-session", "-d", "--", *argv)
    wait((slot / "typed").exists)
    yield slot
    tmux(slot, "kill-server")


def tmux(slot: Path, *words: str) -> None:
    subprocess.run([shutil.which("tmux") or "", "-f", "/dev/null", "-S", "tmux.sock", *words], cwd=slot, check=True)


def wait(condition: Callable[[], bool]) -> None:
    """For a test that is no coroutine."""
    until = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < until
        select.select([], [], [], 0.002)


@needs_tmux
@given(data=st.binary(min_size=1, max_size=3000))
@settings(max_examples=60, deadline=None)
def test_any_bytes_are_typed_as_they_are(window: Path, data: bytes) -> None:
    typed = window / "typed"
    typed.write_bytes(b"")
    (window / "lines").write_text("\n".join(commands(data, WINDOW, [])) + "\n")
    tmux(window, "source-file", "lines")
    wait(lambda: typed.stat().st_size >= len(data))
    assert typed.read_bytes() == data
