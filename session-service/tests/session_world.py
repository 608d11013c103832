"""The small world of these tests: real workers over real pty hosts, with directory and bus in memory."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import structlog
from viewing import BEARER, INTERNAL, Viewer
from waiting import DEADLINE, eventually

from gestalt_contracts.bus_memory import InMemoryBus
from gestalt_contracts.directory_memory import InMemoryDirectory
from gestalt_contracts.idempotency_memory import InMemoryIdempotency
from gestalt_serving.server import Server
from gestalt_serving.sockets import listening
from gestalt_session.app import Worker
from gestalt_session.server import config_of
from gestalt_session.service import SessionService
from gestalt_session.settings import Settings

MARK = "SESSION_TEST_MARK"
"""A variable that every program of a world has: what is left of them is found and killed by it."""
QUIET = ["sleep", "600"]
DEAF = ["sh", "-c", "stty raw -echo; printf ready; exec sleep 600"]
"""Reads nothing, once it has said `ready`."""
CODES = {
    400: "invalid_request",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    413: "payload_too_large",
    421: "misdirected_request",
    422: "unprocessable_entity",
    503: "service_unavailable",
}
ECHO = ["sh", "-c", "stty raw -echo; printf ready; exec cat"]
"""Types back every byte, once it has said `ready`."""


# -- processes -----------------------------------------------------------------------------------------------------


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[0] not in "ZX"
    return False


def processes(word: bytes, file: str) -> Iterator[int]:
    """Living processes with `word` in their /proc/<pid>/<file>."""
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if word in (entry / file).read_bytes() and alive(int(entry.name)):
                yield int(entry.name)


def kill(pid: int) -> None:
    """SIGKILL; a process that is gone does not mind."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


# -- the world -----------------------------------------------------------------------------------------------------


class World:
    """What workers share, and the folder they all work in. `start` makes workers; leaving ends everything."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.workspace = folder / "work"
        self.workspace.mkdir(exist_ok=True)
        self.data = folder / "data"
        self.config = folder / "config"
        self.directory = InMemoryDirectory()
        self.bus = InMemoryBus()
        self.idempotency = InMemoryIdempotency()
        self.mark = secrets.token_hex(8)
        self.complaints: list[str] = []
        self.running: list[Running] = []

    async def start(self, *, inherited: dict[str, str] | None = None, **settings: Any) -> Running:
        """A worker that serves. Its slot is the first free one unless `slot` says otherwise."""
        running = Running(self, inherited or {}, settings)
        await running.begin()
        self.running.append(running)
        return running

    async def close(self) -> None:
        """Stop the workers, then kill what they left."""
        for running in self.running:
            await running.stop()
        await eventually(self._killed_all)

    def hosts(self) -> list[int]:
        """Pty hosts of this world."""
        return list(processes(os.fsencode(self.data), "cmdline"))

    def programs(self) -> list[int]:
        """Programs in its terminals."""
        return list(processes(self.mark.encode(), "environ"))

    def _killed_all(self) -> bool:
        left = [*self.hosts(), *self.programs()]
        for pid in left:
            kill(pid)
        return not left

    def complain(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What no code of ours handled: a test that causes it fails."""
        self.complaints.append(repr(context.get("exception") or context["message"]))


@asynccontextmanager
async def a_world(folder: Path) -> AsyncIterator[World]:
    """A world, ended and searched for exceptions that nobody handled."""
    world = World(folder)
    asyncio.get_running_loop().set_exception_handler(world.complain)
    with structlog.testing.capture_logs() as logs:
        try:
            yield world
        finally:
            await world.close()
    assert not world.complaints
    assert not [entry for entry in logs if entry.get("exc_info")]


class Running:
    """One worker that serves, and clients of it."""

    def __init__(self, world: World, inherited: dict[str, str], settings: dict[str, Any]) -> None:
        environment = {"PATH": os.environ["PATH"], MARK: world.mark, **inherited}
        self.world = world
        places = {"workspace": world.workspace, "data_dir": world.data, "config_dir": world.config}
        given = {**places, "shell": "/bin/sh", "pass_env": ["*"], **settings}
        given.setdefault("screens", False)  # half a second of a core each, for tests that look at none
        self.settings = Settings(**given, internal_token=INTERNAL)
        self._listener = listening("127.0.0.1", 0)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.empty = asyncio.Event()
        self.app = Worker(
            self.settings,
            address=f"127.0.0.1:{self.port}",
            directory=world.directory,
            bus=world.bus,
            idempotency=world.idempotency,
            inherited=environment,
            empty=self.empty.set,
        )
        self._ready = asyncio.Event()
        self.server = Server(config_of(self.app), stop=self.app.stopping.set, ready=self._ready.set)
        self.http = httpx.AsyncClient(base_url=self.url, headers=BEARER, timeout=15, trust_env=False)
        self.stranger = httpx.AsyncClient(base_url=self.url, timeout=15, trust_env=False)
        self._serving: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Serve."""
        self._serving = asyncio.create_task(self.server.serve(sockets=[self._listener]))
        await eventually(lambda: self._ready.is_set() or self._ended())

    def _ended(self) -> bool:
        if self._serving is not None and self._serving.done():
            self._serving.result()
            raise AssertionError("the worker ended before it served")
        return False

    @property
    def service(self) -> SessionService:
        """What its routes use."""
        service: SessionService = self.server.lifespan.state["service"]
        return service

    async def stop(self) -> None:
        """A clean stop; stopping twice is stopping once."""
        if self._serving is None:
            return
        self.server.handle_exit(signal.SIGTERM, None)
        async with asyncio.timeout(DEADLINE):
            await self._serving
        self._serving = None
        await self.http.aclose()
        await self.stranger.aclose()

    # -- asking

    async def create(self, command: list[str] | str | None = None, **more: Any) -> dict[str, Any]:
        """Start a session; what the 201 says."""
        answer = await self.http.post("/api/sessions", json=more if command is None else {"command": command, **more})
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def get(self, path: str, **query: Any) -> Any:
        """The JSON of a 200."""
        answer = await self.http.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def uids(self) -> list[str]:
        """Of the sessions that are listed: their summaries change by themselves."""
        return [session["uid"] for session in await self.get("/api/sessions")]

    async def session(self, ref: str) -> dict[str, Any]:
        """One summary."""
        found: dict[str, Any] = await self.get(of(ref))
        return found

    async def lines(self, ref: str) -> list[str]:
        """What it shows, without escape sequences."""
        return list((await self.get(of(ref, "output"), format="text"))["lines"])

    async def shows(self, ref: str, line: str) -> None:
        """Wait until it shows a line."""

        async def shown() -> bool:
            return line in await self.lines(ref)

        await eventually(shown)

    async def type(self, ref: str, data: bytes, *, key: str = "", **query: Any) -> httpx.Response:
        """POST input."""
        headers = {"Idempotency-Key": key} if key else {}
        return await self.http.post(of(ref, "input"), content=data, params=query, headers=headers)

    async def closed(self, ref: str) -> dict[str, Any]:
        """Wait for its end; its summary then."""

        async def ended() -> dict[str, Any] | None:
            summary = await self.session(ref)
            return summary if summary["status"] == "closed" else None

        found: dict[str, Any] = await eventually(ended)
        return found

    def view(self, ref: str, query: str = "", **how: Any) -> Viewer:
        """A viewer, as `async with worker.view(…) as viewer`."""
        return Viewer(f"ws://127.0.0.1:{self.port}{socket_of(ref)}?{query}", **how)

    def listen(self, path: str, **how: Any) -> Viewer:
        """A client of an event stream."""
        return Viewer(f"ws://127.0.0.1:{self.port}{path}", **how)


def of(ref: str, action: str = "") -> str:
    """The path of a session."""
    return f"/api/sessions/{quote(ref, safe='')}{'/' if action else ''}{action}"


def socket_of(ref: str) -> str:
    """The path of its socket."""
    return f"/ws/session/{quote(ref, safe='')}"


def refused(answer: httpx.Response, status: int, message: str, code: str | None = None) -> None:
    """One error shape everywhere, with exactly these keys."""
    assert answer.status_code == status, answer.text
    assert answer.json() == {"message": message, "error": message, "code": code or CODES[status]}
    assert answer.text.endswith("}\n")
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
