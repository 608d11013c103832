"""When a host starts, whom it listens to, and when it ends."""

from __future__ import annotations

import os
import resource
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from ptyhost_client import HostProcess, Worker, alive, eventually, open_files

from gestalt_ptyhost import __version__, wire
from gestalt_ptyhost.wire import Kind

Connect = Callable[[], Worker]


def test_a_second_host_at_the_same_path_refuses_in_one_line_and_disturbs_nobody(
    host: HostProcess, worker: Worker
) -> None:
    assert host.start() == 1

    assert host.log.read_text().count("\n") == 1
    assert host.path in host.log.read_text()
    worker.answered()


def test_a_path_that_cannot_be_used_is_told_in_one_line(tmp_path: Path) -> None:
    host = HostProcess(tmp_path, "missing/host.sock")

    assert host.start() == 1
    assert host.log.read_text().count("\n") == 1


def test_arguments_that_are_not_known_are_refused() -> None:
    done = subprocess.run([sys.executable, "-I", "-m", "gestalt_ptyhost"], capture_output=True, check=False)

    assert (done.returncode, done.stderr[:6]) == (2, b"usage:")


def test_a_socket_left_behind_is_replaced(host: HostProcess, worker: Worker) -> None:
    os.kill(worker.pid, signal.SIGKILL)
    worker.until_closed()
    eventually(lambda: not alive(worker.pid))
    assert Path(host.path).exists()

    assert host.start() == 0

    with Worker(host) as second:
        assert second.pid != worker.pid


def test_a_socket_path_may_be_longer_than_its_address(tmp_path: Path) -> None:
    directory = tmp_path / ("long" * 25) / ("longer" * 20)
    directory.mkdir(parents=True)
    host = HostProcess(directory)

    assert host.start() == 0
    with Worker(host) as worker:
        worker.answered()
        assert not stat.S_IMODE(Path(host.path).stat().st_mode) & 0o077
    host.end()


def test_hello_says_who_it_is(worker: Worker) -> None:
    assert worker.hello == {
        "wire": 1,
        "version": __version__,
        "pid": worker.pid,
        "sessions": [],
        "retiring": False,
    }


def test_the_version_told_is_the_distributions() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())

    assert project["project"]["version"] == __version__


def test_the_host_stands_apart_from_the_process_that_started_it(worker: Worker) -> None:
    status = Path(f"/proc/{worker.pid}/status").read_text()

    assert os.getsid(worker.pid) == os.getpgid(worker.pid) == worker.pid
    assert Path(f"/proc/{worker.pid}/cwd").readlink() == Path("/")
    assert f"PPid:\t{os.getpid()}\n" not in status
    assert "Name:\tgestalt-ptyhost\n" in status
    assert "Umask:\t0077\n" in status
    assert [open_files(worker.pid)[fd] for fd in "01"] == ["/dev/null"] * 2


def test_the_host_inherits_no_lock(tmp_path: Path) -> None:
    host = HostProcess(tmp_path)
    lock = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
    os.set_inheritable(lock, True)
    command = [sys.executable, "-I", "-m", "gestalt_ptyhost", "--socket", host.path]
    with host.log.open("ab") as log:
        subprocess.run(command, env={}, check=True, stderr=log, pass_fds=[lock])
    os.close(lock)

    with Worker(host) as worker:
        assert str(tmp_path / "lock") not in open_files(worker.pid).values()
    host.end()


def test_a_host_nobody_needs_any_more_ends_and_takes_its_path_away(host: HostProcess, worker: Worker) -> None:
    worker.create(1, ["true"])
    worker.until(Kind.EXIT, 1)

    worker.disconnect()

    eventually(lambda: not alive(worker.pid), "the end of the host")
    assert not Path(host.path).exists()


def test_a_host_without_a_worker_lives_as_long_as_a_program_does(worker: Worker) -> None:
    program = worker.create(1, ["sleep", "60"])
    worker.close()

    os.kill(program, signal.SIGKILL)

    eventually(lambda: not alive(worker.pid), "the end of the host")
    assert worker.exit_note(1)["exit_code"] == -signal.SIGKILL


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE])
def test_no_signal_ends_a_host_that_holds_a_program(worker: Worker, number: signal.Signals) -> None:
    worker.create(1, ["sleep", "60"])

    os.kill(worker.pid, number)

    worker.answered()


def test_sigterm_ends_a_host_that_holds_none(worker: Worker) -> None:
    worker.create(1, ["true"])
    worker.until(Kind.EXIT, 1)

    os.kill(worker.pid, signal.SIGTERM)

    worker.until_closed()
    eventually(lambda: not alive(worker.pid), "the end of the host")


def test_a_retiring_host_takes_nothing_new_and_ends_when_it_is_empty(connect: Connect) -> None:
    worker = connect()
    program = worker.create(1, ["sleep", "60"])
    worker.send(Kind.RETIRE)
    worker.ask(2, ["true"])
    assert "retiring" in wire.json_of(worker.until(Kind.FAILED, 2))["error"]

    second = connect()
    assert second.hello["retiring"]
    os.kill(program, signal.SIGKILL)
    second.until(Kind.EXIT, 1)
    second.send(Kind.FORGET, 1)

    second.until_closed()
    eventually(lambda: not alive(worker.pid), "the end of the host")


def test_a_new_worker_replaces_the_old_and_gets_every_session_with_its_terminal(connect: Connect) -> None:
    first = connect()
    first.create(1, ["cat"])
    first.create(2, ["sleep", "60"])
    first.type(1, b"one\n")
    first.wait_text(1, b"one\r\none\r\n")

    second = connect()
    session = second.until(Kind.SESSION, 1)
    second.until(Kind.SESSION, 2)

    first.until_closed()
    assert second.hello["sessions"] == [1, 2]
    assert session.offset == len("one\r\none\r\n")
    assert wire.json_of(session) == {
        "uid": "uid-1",
        "pid": wire.json_of(first.heard[1])["pid"],
        "journal": str(first.journal_of(1)),
        "cap": 64 * 1024 * 1024,
        "segment": 4 * 1024 * 1024,
        "base": 0,
        "limit": 24 * 1024 * 1024 + len("one\r\none\r\n"),
        "viewers": None,
        "exited": False,
        "exit_code": None,
    }
    second.type(1, b"two\n")
    second.wait_text(1, b"two\r\ntwo\r\n")


def test_only_this_user_is_listened_to() -> None:
    if os.getuid():
        pytest.skip("only root can become another user")
    source = (
        "import os, socket, sys\n"
        "s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n"
        "os.setuid(65534)\n"
        "s.connect(sys.argv[1])\n"
        "s.settimeout(10)\n"
        "print(s.recv(1000))"
    )
    with tempfile.TemporaryDirectory() as directory:
        host = HostProcess(Path(directory))
        assert host.start() == 0
        Path(directory).chmod(0o711)
        Path(host.path).chmod(0o666)
        with Worker(host) as worker:
            said = subprocess.run([sys.executable, "-c", source, host.path], capture_output=True, check=True)
            assert said.stdout == b"b''\n"
            worker.answered()
        host.end()


def test_a_connection_that_comes_and_goes_leaves_the_host_listening(host: HostProcess, connect: Connect) -> None:
    connect().create(1, ["sleep", "60"])
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as passer_by:
        directory, name = os.path.split(host.path)
        fd = os.open(directory, os.O_PATH)
        passer_by.connect(f"/proc/self/fd/{fd}/{name}")
        os.close(fd)

    connect().answered()


def test_programs_start_with_the_limit_of_open_files_the_host_was_started_with(tmp_path: Path) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    host = HostProcess(tmp_path)
    command = [sys.executable, "-I", "-m", "gestalt_ptyhost", "--socket", host.path]
    limited = ["sh", "-c", 'ulimit -S -n 99; exec "$@"', "sh", *command]
    with host.log.open("ab") as log:
        subprocess.run(limited, env={"PATH": os.environ["PATH"]}, check=True, stderr=log)

    with Worker(host) as worker:
        worker.create(1, ["sh", "-c", "ulimit -n"])
        worker.until(Kind.EXIT, 1)
        assert worker.live[1] == b"99\r\n"
        assert resource.prlimit(worker.pid, resource.RLIMIT_NOFILE) == (hard, hard)
    host.end()


def test_more_sessions_than_descriptors_allow_are_refused_and_the_others_go_on(tmp_path: Path) -> None:
    host = HostProcess(tmp_path)
    command = [sys.executable, "-I", "-m", "gestalt_ptyhost", "--socket", host.path]
    limited = ["sh", "-c", 'ulimit -n 88; exec "$@"', "sh", *command]
    with host.log.open("ab") as log:
        subprocess.run(limited, env={"PATH": os.environ["PATH"]}, check=True, stderr=log)

    with Worker(host) as worker:
        for session in range(1, 5):
            worker.create(session, ["cat"])
        worker.ask(5, ["cat"])
        assert "limit of open files" in wire.json_of(worker.until(Kind.FAILED, 5))["error"]
        worker.type(1, b"on\n")
        worker.wait_text(1, b"on\r\non\r\n")
    host.end()


def test_everything_needed_was_imported_at_start(tmp_path: Path) -> None:
    package = tmp_path / "lib" / "gestalt_ptyhost"
    package.mkdir(parents=True)
    for source in Path(wire.__file__).parent.glob("*.py"):
        (package / source.name).write_bytes(source.read_bytes())
    refuse = (
        "import sys, runpy\n"
        "sys.dont_write_bytecode = True\n"
        "sys.path.insert(0, sys.argv.pop(1))\n"
        "import gestalt_ptyhost.daemon as daemon\n"
        "class Refuse:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        print('imported late:', name, file=sys.stderr, flush=True)\n"
        "leave = daemon.leave\n"
        "daemon.leave = lambda: (leave(), sys.meta_path.insert(0, Refuse()))\n"
        "from gestalt_ptyhost.__main__ import main\n"
        "sys.exit(main(sys.argv))\n"
    )
    host = HostProcess(tmp_path)
    command = [sys.executable, "-I", "-c", refuse, str(tmp_path / "lib"), "--socket", host.path]
    with host.log.open("ab") as log:
        subprocess.run(command, env={}, check=True, stderr=log)
    for source in package.glob("*.py"):
        source.unlink()

    with Worker(host) as worker:
        worker.create(1, ["sh", "-c", "printf done; exit 3"])
        worker.until(Kind.EXIT, 1)
        worker.ask(2, ["nosuch"])
        worker.until(Kind.FAILED, 2)
        worker.create(3, ["sleep", "60"])
        worker.send_raw(b"garbage")
        worker.until_closed()
    with Worker(host) as worker:
        worker.answered()
    host.end()
    assert "imported late" not in host.log.read_text()
