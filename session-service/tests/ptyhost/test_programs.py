"""Programs in terminals: what cannot start, what they see, how they end."""

from __future__ import annotations

import errno
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from ptyhost_client import HostProcess, Worker, alive, children, eventually, open_files, python

from gestalt_ptyhost import wire
from gestalt_ptyhost.wire import Kind


@pytest.mark.parametrize(
    ("change", "number", "error"),
    [
        ({"argv": ["nosuch"]}, errno.ENOENT, "nosuch: No such file or directory"),
        ({"argv": ["/etc/passwd"]}, errno.EACCES, "/etc/passwd: Permission denied"),
        ({"cwd": "/nowhere"}, errno.ENOENT, "/nowhere: No such file or directory"),
        ({"argv": []}, errno.EINVAL, "argv must not be empty"),
        ({"argv": ["a\0b"]}, errno.EINVAL, "argv must hold strings without NUL"),
        ({"env": {"A=B": "C"}}, errno.EINVAL, "env must not have names"),
        ({"cols": 0}, errno.EINVAL, "cols must be positive"),
        ({"rows": 65536}, errno.EINVAL, "cannot be"),
        ({"rows": True}, errno.EINVAL, "rows must be int"),
        ({"journal": "relative"}, errno.EINVAL, "journal must be an absolute path"),
        ({"journal": "/nowhere/journal"}, errno.ENOENT, "/nowhere/journal: No such file or directory"),
        ({"uid": "\ud800"}, errno.EINVAL, "uid holds a string that stands for no bytes"),
    ],
)
def test_a_program_that_cannot_start_is_refused_in_words(
    worker: Worker, change: dict[str, Any], number: int, error: str
) -> None:
    worker.ask(1, ["true"])
    worker.until(Kind.EXIT, 1)

    worker.ask(2, **{"argv": ["true"]} | change)
    answer = worker.until(Kind.FAILED, 2)

    assert wire.json_of(answer)["errno"] == number
    assert error in wire.json_of(answer)["error"]


def test_a_number_in_use_is_refused(worker: Worker) -> None:
    worker.create(1, ["sleep", "60"])

    worker.ask(1, ["sleep", "60"])

    assert wire.json_of(worker.until(Kind.FAILED, 1))["errno"] == errno.EEXIST


def test_a_refused_program_leaves_no_descriptor_and_no_process(worker: Worker) -> None:
    before = open_files(worker.pid), children(worker.pid)
    for session in range(1, 21):
        worker.ask(session, ["nosuch"], cwd="/" if session % 2 else "/nowhere")
        worker.until(Kind.FAILED, session)

    assert (open_files(worker.pid), children(worker.pid)) == before


@pytest.mark.parametrize(
    ("argv", "exit_code"),
    [
        (["true"], 0),
        (["sh", "-c", "exit 7"], 7),
        (["sh", "-c", "kill -TERM $$"], -signal.SIGTERM),
        (["sh", "-c", "kill -KILL $$"], -signal.SIGKILL),
    ],
)
def test_the_exit_code_is_true(worker: Worker, argv: list[str], exit_code: int) -> None:
    worker.create(1, argv)

    assert wire.json_of(worker.until(Kind.EXIT, 1)) == {"exit_code": exit_code}
    assert worker.exit_note(1)["exit_code"] == exit_code


def test_the_exit_comes_after_the_last_byte_and_says_where_that_was(worker: Worker) -> None:
    worker.create(1, ["sh", "-c", "printf goodbye"])

    assert worker.until(Kind.EXIT, 1).offset == len("goodbye")
    assert worker.recorded(1) == worker.live[1] == b"goodbye"
    assert worker.exit_note(1)["offset"] == len("goodbye")


def test_a_program_gets_exactly_its_environment_directory_and_size(worker: Worker, tmp_path: Path) -> None:
    source = "import os; print(os.getcwd(), os.get_terminal_size(), sorted(os.environ.items()), os.umask(0), end='')"
    env = {"ONLY": "this", "LC_ALL": "C.UTF-8"}

    worker.create(1, python(source), cwd=str(tmp_path), env=env, cols=101, rows=33)
    worker.until(Kind.EXIT, 1)

    size = os.terminal_size((101, 33))
    assert worker.live[1].decode() == f"{tmp_path} {size} {sorted(env.items())} {0o022}"
    assert worker.size(1) == (33, 101)


def test_a_program_is_searched_on_its_own_path_from_its_own_directory(worker: Worker, tmp_path: Path) -> None:
    tool = tmp_path / "bin" / "greet"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\nprintf hello\n")
    tool.chmod(0o755)

    worker.create(1, ["greet"], cwd=str(tmp_path), env={"PATH": "/nowhere:bin"})
    worker.until(Kind.EXIT, 1)

    assert worker.live[1] == b"hello"


def test_a_program_leads_a_session_with_the_terminal_as_its_controlling_one(worker: Worker) -> None:
    source = (
        "import os, signal\n"
        "tty = os.open('/dev/tty', os.O_RDWR)\n"
        "ignored = [s.name for s in signal.Signals if s not in (9, 19) and signal.getsignal(s) == signal.SIG_IGN]\n"
        "print(os.getpid() == os.getsid(0) == os.tcgetpgrp(tty), ignored, signal.pthread_sigmask(0, []), end='')"
    )

    worker.create(1, python(source))
    worker.until(Kind.EXIT, 1)

    # Python itself ignores these two.
    assert worker.live[1] == b"True ['SIGPIPE', 'SIGXFSZ'] set()"


def test_a_program_inherits_no_descriptor_but_its_terminal(worker: Worker) -> None:
    worker.create(1, ["sleep", "60"])

    pid = worker.create(2, ["sleep", "60"])

    terminal = open_files(pid)["0"]
    assert terminal.startswith("/dev/pts/")
    # The loader has libraries open for an instant.
    eventually(lambda: open_files(pid) == dict.fromkeys("012", terminal), "nothing open but the terminal")


def test_an_environment_of_a_megabyte_arrives_whole(worker: Worker) -> None:
    env = {f"NAME_{number}": "x" * 1000 for number in range(1000)} | {"BYTES": "\udcff"}

    worker.create(1, ["env", "-0"], env=env)
    worker.until(Kind.EXIT, 1)

    seen = worker.recorded(1).removesuffix(b"\0").split(b"\0")
    assert sorted(seen) == sorted(f"{name}={value}".encode(errors="surrogateescape") for name, value in env.items())


def test_what_is_typed_is_echoed_and_recorded(worker: Worker) -> None:
    worker.create(1, python("import tty, os\ntty.setraw(0)\nos.write(1, b'?')\nos.write(1, os.read(0, 99).upper())"))
    worker.wait_text(1, b"?")

    worker.type(1, b"hello")
    worker.until(Kind.EXIT, 1)

    assert worker.live[1] == worker.recorded(1) == b"?HELLO"


def test_a_background_job_that_holds_the_terminal_does_not_hold_back_the_exit(worker: Worker) -> None:
    worker.create(1, ["sh", "-c", "trap '' HUP; sleep 60 & echo $!; exit 5"])

    assert wire.json_of(worker.until(Kind.EXIT, 1)) == {"exit_code": 5}
    worker.host.programs.add(int(worker.live[1]))


def test_a_background_job_that_never_stops_writing_does_not_hold_back_the_exit(worker: Worker) -> None:
    worker.create(1, ["sh", "-c", "trap '' HUP; yes & echo $!; exit 6"])

    assert wire.json_of(worker.until(Kind.EXIT, 1)) == {"exit_code": 6}
    worker.host.programs.add(int(worker.recorded(1).split()[0]))


def test_the_host_and_the_worker_let_the_terminal_go_after_the_exit(worker: Worker) -> None:
    job = "trap '' HUP; while echo x; do sleep 0.01; done"
    worker.create(1, ["sh", "-c", f"({job}) & echo $!; exit 0"])
    worker.until(Kind.EXIT, 1)
    pid = int(worker.live[1].split()[0])
    worker.host.programs.add(pid)

    wire.close_all(worker.fds.pop(1))

    eventually(lambda: not alive(pid), "the job's death of writing to a terminal that nobody holds")


def test_a_terminal_closed_and_opened_again_is_read_on(worker: Worker) -> None:
    script = "exec 3>/dev/null; tty=$(tty); exec <&3 >&3 2>&3; sleep 0.05; echo back > $tty; exit 2"

    worker.create(1, ["sh", "-c", script])
    worker.until(Kind.EXIT, 1)

    assert worker.recorded(1) == b"back\r\n"


def test_no_zombie_is_left(worker: Worker) -> None:
    for session in range(1, 11):
        worker.create(session, ["true"])
        worker.until(Kind.EXIT, session)

    assert not children(worker.pid)


def test_an_ended_session_is_told_to_later_workers_until_it_is_forgotten(host: HostProcess, worker: Worker) -> None:
    worker.create(1, ["sleep", "60"])
    worker.create(2, ["sh", "-c", "printf bye; exit 4"])
    worker.until(Kind.EXIT, 2)
    worker.close()

    with Worker(host) as second:
        told = wire.json_of(second.until(Kind.SESSION, 2))
        assert (told["exited"], told["exit_code"], second.ends[2], second.fds.get(2)) == (True, 4, 3, None)
        second.send(Kind.FORGET, 1)
        second.send(Kind.FORGET, 2)
        second.answered()

    with Worker(host) as third:
        assert third.hello["sessions"] == [1]
