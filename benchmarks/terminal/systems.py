"""The systems that are compared: ours by `gestalt up`, the bare relay, and ttyd."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

import httpx

from benchmarks.terminal.clients import Client, TcpClient, WebSocketClient
from tests.support.stack import Stack

START_SECONDS = 5.0
RAWTCP = Path(__file__).with_name("rawtcp.py")


class Bare:
    """`rawtcp`: a server (see there) and one relay. Its processes are in `pids`."""

    def __init__(self, *server: str) -> None:
        self._stack = ExitStack()
        self.pids: list[int] = []
        self.port = self._start("relay", str(self._start(*server)))

    @classmethod
    def terminal(cls, program: Sequence[str], viewers: int = 1, *, gathers: bool = False) -> Self:
        """A terminal for every group of so many viewers."""
        return cls("gather" if gathers else "serve", str(viewers), *program)

    @classmethod
    def replay(cls, path: Path) -> Self:
        """The bytes of a file, from memory."""
        return cls("replay", str(path))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    def _start(self, *arguments: str) -> int:
        process = subprocess.Popen([sys.executable, "-I", str(RAWTCP), *arguments], stdout=subprocess.PIPE)
        self._stack.callback(_end, process)
        self.pids.append(process.pid)
        assert process.stdout is not None
        return int(process.stdout.readline())

    def connect(self) -> Client:
        """One viewer."""
        return TcpClient(self.port)


class Ttyd:
    """ttyd, where its binary is on PATH: one program for each connection."""

    def __init__(self, program: Sequence[str]) -> None:
        self.port = _free_port()
        argv = ["ttyd", "--writable", "--interface", "127.0.0.1", "--port", str(self.port), *program]
        self._process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.pids = [self._process.pid]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        _end(self._process)

    @staticmethod
    def is_here() -> bool:
        """Whether it can be run."""
        return shutil.which("ttyd") is not None

    def connect(self) -> Client:
        """One viewer; its program starts with it."""
        client = self._dial()
        client.send(b'{"AuthToken":"","columns":80,"rows":24}')
        return client

    def _dial(self) -> WebSocketClient:
        until = time.monotonic() + START_SECONDS
        while True:
            try:
                return WebSocketClient(self.port, "/ws", protocol="tty", tag=b"0")
            except ConnectionRefusedError:
                if time.monotonic() > until:
                    raise


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate()


class Ours:
    """A running stack, spoken to by blocking calls."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.http = httpx.Client(base_url=stack.url, trust_env=False, timeout=30)
        self.port = int(stack.url.rpartition(":")[2])

    def create(self, program: Sequence[str], **more: int) -> str:
        """Start a session; its uid."""
        answer = self.http.post("/api/sessions", json={"command": list(program), **more}).raise_for_status()
        return str(answer.json()["uid"])

    def delete(self, uid: str) -> None:
        """End it."""
        self.http.delete(f"/api/sessions/{uid}").raise_for_status()

    @contextmanager
    def session(self, program: Sequence[str], **more: int) -> Iterator[str]:
        """The uid of a session that ends with the block."""
        uid = self.create(program, **more)
        try:
            yield uid
        finally:
            self.delete(uid)

    @contextmanager
    def floods(self, program: Sequence[str], count: int) -> Iterator[None]:
        """So many sessions, all watched by one process that reads and forgets."""
        with ExitStack() as stack:
            uids = [stack.enter_context(self.session(program)) for _ in range(count)]
            argv = [sys.executable, "-m", "benchmarks.terminal.watching", str(self.port), *uids]
            process = subprocess.Popen(argv, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])
            stack.callback(_end, process)
            assert process.stdout is not None
            process.stdout.readline()
            yield

    def connect(self, uid: str, query: str = "cursor=0") -> WebSocketClient:
        """One viewer."""
        return WebSocketClient(self.port, target(uid, query))

    def roles(self) -> dict[str, list[int]]:
        """Our processes on the byte path, and Redis."""
        return {
            "host": self.stack.host_pids(),
            "worker": self.stack.worker_pids(),
            "gateway": self.stack.gateway_pids(),
            "redis": [self.stack.redis_pid()],
        }

    def everyone(self) -> list[int]:
        """All our processes: `up`, the zygote, the services, Redis, the hosts; not the programs."""
        return [self.stack.pid, *self.stack.service_pids(), *self.stack.host_pids()]


def target(uid: str, query: str) -> str:
    """Where a session is watched."""
    return f"/ws/session/{uid}?{query}"
