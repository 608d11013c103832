"""A small worker for tests: it speaks the wire, keeps what it heard, and waits with deadlines."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from gestalt_ptyhost import wire
from gestalt_ptyhost.listening import reachable
from gestalt_ptyhost.segments import TIMES
from gestalt_ptyhost.wire import Kind, Message

DEADLINE = 10.0
MEBI = 1024 * 1024


def eventually(condition: Callable[[], Any], what: str = "the condition", seconds: float = DEADLINE) -> Any:
    """Wait until the condition is true and return what it gave."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{what} did not come true within {seconds} s"
        threading.Event().wait(0.002)
    return value


def python(source: str, *arguments: object) -> list[str]:
    """A program's argv."""
    return [sys.executable, "-I", "-S", "-c", source, *map(str, arguments)]


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def open_files(pid: int) -> dict[str, str]:
    """What a process has open: where each of its descriptors leads."""
    found = {}
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            found[entry.name] = str(entry.readlink())
    return found


def children(pid: int) -> list[str]:
    """The children of a process, zombies too."""
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


class HostProcess:
    """A host at a path below the test's directory."""

    def __init__(self, directory: Path, name: str = "host.sock") -> None:
        self.directory = directory
        self.path = str(directory / name)
        self.log = directory / "log"
        self.pids: set[int] = set()
        self.programs: set[int] = set()

    def start(self) -> int:
        """Start a host as a worker does, with an empty environment and a log for stderr; returns the exit code."""
        command = [sys.executable, "-I", "-m", "gestalt_ptyhost", "--socket", self.path]
        with self.log.open("ab") as log:
            return subprocess.run(command, env={}, check=False, stderr=log, timeout=DEADLINE).returncode

    def end(self) -> None:
        """Kill what the test left."""
        for pid in self.pids | self.programs:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        eventually(lambda: not any(alive(pid) for pid in self.pids | self.programs), "the end of all processes")


class Worker:
    """A connection to a host: what it heard, and of each session the descriptors, the end and the bytes told live."""

    def __init__(self, host: HostProcess) -> None:
        self.host = host
        self.heard: list[Message] = []
        self.fds: dict[int, list[int]] = {}
        self.ends: dict[int, int] = {}
        self.live: dict[int, bytes] = {}
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._sock.settimeout(DEADLINE)
        with reachable(host.path) as short:
            self._sock.connect(short)
        self.hello = wire.json_of(self.until(Kind.HELLO))
        self.pid = int(self.hello["pid"])
        host.pids.add(self.pid)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def disconnect(self) -> None:
        """Close the connection; the descriptors of the sessions stay."""
        self._sock.close()

    def close(self) -> None:
        """Close the connection and every descriptor."""
        self.disconnect()
        for fds in self.fds.values():
            wire.close_all(fds)
        self.fds.clear()

    def send(self, kind: int, session: int = 0, offset: int = 0, **body: Any) -> None:
        """Send a message, with a JSON object if there are keywords."""
        if body:
            wire.send_json(self._sock, kind, body, session, offset)
        else:
            wire.send(self._sock, wire.pack(kind, session, offset))

    def send_raw(self, datagram: bytes, fds: Sequence[int] = ()) -> None:
        """Send bytes as they are."""
        wire.send(self._sock, datagram, fds)

    def receive(self) -> Message | None:
        """The next message, None at the end of the connection."""
        try:
            received = wire.receive(self._sock)
        except ConnectionResetError:
            return None
        if received is None:
            return None
        message, fds = received
        self._note(message, fds)
        return message

    def until(self, kind: Kind, session: int | None = None) -> Message:
        """The next message of a kind."""
        while (message := self.receive()) is not None:
            if message.kind == kind and session in {None, message.session}:
                return message
        raise AssertionError(f"the connection ended before {kind!r} of session {session}: {self.heard[-5:]}")

    def until_closed(self) -> None:
        """Hear all until the host closes the connection."""
        while self.receive() is not None:
            pass

    def reach(self, session: int, offset: int) -> int:
        """Hear until the session's end is at least at the offset; returns that end."""
        while self.ends.get(session, 0) < offset:
            assert self.receive() is not None, "the connection ended"
        return self.ends[session]

    def wait_text(self, session: int, text: bytes) -> None:
        """Hear until the text was told live."""
        while text not in self.live.get(session, b""):
            assert self.receive() is not None, "the connection ended"

    def answered(self) -> None:
        """Wait for a PONG: everything sent before was carried out."""
        self.send(Kind.PING, 0, 4711)
        assert self.until(Kind.PONG).offset == 4711

    def ask(self, session: int, argv: list[str], **change: Any) -> None:
        """Send a CREATE."""
        journal = self.journal_of(session)
        journal.mkdir(parents=True, exist_ok=True)
        body: dict[str, Any] = {
            "uid": f"uid-{session}",
            "argv": argv,
            "env": {"PATH": os.environ["PATH"], "TERM": "xterm"},
            "cwd": "/",
            "cols": 80,
            "rows": 24,
            "journal": str(journal),
            "cap": 64 * MEBI,
            "segment": 4 * MEBI,
        }
        self.send(Kind.CREATE, session, **body | change)

    def create(self, session: int, argv: list[str], **change: Any) -> int:
        """Start a program; returns its pid."""
        self.ask(session, argv, **change)
        pid = int(wire.json_of(self.until(Kind.CREATED, session))["pid"])
        self.host.programs.add(pid)
        return pid

    def adopt(self, session: int, fds: list[int], pid: int, offset: int = 0) -> Message:
        """Hand a terminal over to this host; returns its SESSION."""
        self.hand_over(session, fds, pid, offset)
        return self.until(Kind.SESSION, session)

    def hand_over(self, session: int, fds: list[int], pid: int, offset: int = 0) -> None:
        """Send an ADOPT."""
        journal = str(self.journal_of(session))
        body = {"uid": f"uid-{session}", "pid": pid, "journal": journal, "cap": 64 * MEBI, "segment": 4 * MEBI}
        wire.send_json(self._sock, Kind.ADOPT, body, session, offset, fds)

    def type(self, session: int, data: bytes) -> None:
        """Type into a terminal, as a worker does: into its own descriptor of the master."""
        os.write(self.fds[session][0], data)

    def size(self, session: int) -> tuple[int, int]:
        """Rows and columns of a terminal."""
        return termios.tcgetwinsize(self.fds[session][0])

    def journal_of(self, session: int) -> Path:
        """The directory of a session's journal."""
        return self.host.directory / str(session) / "journal"

    def recorded(self, session: int) -> bytes:
        """All bytes in a session's journal."""
        return b"".join(path.read_bytes() for path in segments(self.journal_of(session)))

    def exit_note(self, session: int) -> dict[str, Any]:
        """What exit.json says."""
        note: dict[str, Any] = json.loads((self.journal_of(session).parent / "exit.json").read_text())
        return note

    def _note(self, message: Message, fds: list[int]) -> None:
        session = message.session
        if message.kind == Kind.DATA:
            self.live[session] = self.live.get(session, b"") + message.payload
        if session:
            end = message.offset + (len(message.payload) if message.kind == Kind.DATA else 0)
            self.ends[session] = max(self.ends.get(session, 0), end)
        if message.kind not in {Kind.DATA, Kind.END}:
            self.heard.append(message)
        if fds and session not in self.fds:
            self.fds[session] = fds
        else:
            wire.close_all(fds)


def segments(journal: Path) -> list[Path]:
    """The files that hold a journal's bytes, in order."""
    return sorted(path for path in journal.iterdir() if path.suffix != TIMES)


def starts(journal: Path) -> list[int]:
    """The offsets a journal's segments begin at."""
    return [int(path.name) for path in segments(journal)]
