"""What tests here share: waiting with a deadline, and a gateway that answers what it is told to."""

from __future__ import annotations

import asyncio
import io
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

Eventually = Callable[..., Awaitable[Any]]
SSE = "text/event-stream"


@pytest.fixture
def eventually() -> Eventually:
    """`await eventually(condition, within=15)`: its first true value; TimeoutError when there is none in time."""

    async def wait(condition: Callable[[], Any], *, within: float = 15.0) -> Any:
        async with asyncio.timeout(within):
            while True:
                value = condition()
                if value:
                    return value
                await asyncio.sleep(0.01)

    return wait


class Gateway:
    """An HTTP server on a free port. `answers` by method and path; what is not there is 404. `asked` is what came."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, Any]] = {}
        self.feeds: dict[str, list[bytes]] = {}
        self.asked: list[dict[str, Any]] = []
        self.acted = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Answers", (_Handler,), {"gateway": self}))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_port)

    def start(self) -> None:
        """Serve."""
        self._thread.start()

    def stop(self) -> None:
        """Stop serving; streams that still wait end."""
        self.acted.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def of(self, path: str) -> list[dict[str, Any]]:
        """What was asked of a path."""
        return [asked for asked in self.asked if asked["path"] == path]


class _Handler(BaseHTTPRequestHandler):
    gateway: Gateway

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        kept = {"method": self.command, "path": self.path, "body": body, "headers": dict(self.headers)}
        self.gateway.asked.append(kept)
        if self.path in self.gateway.feeds:
            self._stream(self.gateway.feeds[self.path])
        else:
            self._say(*self.gateway.answers.get(f"{self.command} {self.path}", (404, {"error": "not found"})))
        if self.path.endswith("/input"):
            self.gateway.acted.set()

    def _say(self, status: int, value: Any) -> None:
        data = b"" if value is None else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, frames: list[bytes]) -> None:
        """What is streamed comes after something was typed: whoever subscribes later misses it."""
        self.send_response(200)
        self.send_header("Content-Type", SSE)
        self.end_headers()
        self.wfile.write(b"retry: 5000\n\n")
        self.wfile.flush()
        if self.gateway.acted.wait(10):
            self.wfile.write(b"".join(frames))

    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    """A gateway that GESTALT_URL names, with no session and no token."""
    running = Gateway()
    running.answers["GET /api/sessions"] = (200, [])
    for name in ("GESTALT_HOST", "GESTALT_PORT", "GESTALT_TOKEN", "GESTALT_SESSION_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GESTALT_URL", f"http://127.0.0.1:{running.port}/")
    running.start()
    yield running
    running.stop()


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    """`stdin(b"…")`: what a command reads."""

    def feed(data: bytes) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))

    return feed
