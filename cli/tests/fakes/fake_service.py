"""A service as `gestalt up` sees one: it starts, says that it is ready, answers HTTP, and ends when it is told.

What it is told by its environment: FAKE_DIR, where it notes what happened to it; FAKE_<KIND>_FAILS, an exit code with
which it ends before it is ready; FAKE_<KIND>_DEAF, that it ignores SIGTERM.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SESSIONS = [{"uid": "0190-a", "id": "a 1"}, {"uid": "0190-b", "id": "b 1"}]


def note(kind: str, words: dict[str, object]) -> None:
    """Append a line to the notes: one write, so that lines of several processes never mix."""
    with Path(os.environ["FAKE_DIR"], "notes").open("a", encoding="utf-8", buffering=1) as notes:
        notes.write(json.dumps({"kind": kind, "pid": os.getpid(), **words}) + "\n")


class Handler(BaseHTTPRequestHandler):
    kind = ""

    def do_GET(self) -> None:
        self.answer(200, SESSIONS if self.path == "/api/sessions" else {"pid": os.getpid()})

    def do_DELETE(self) -> None:
        note(self.kind, {"deleted": self.path, "authorization": self.headers.get("Authorization", "")})
        self.answer(204, None)

    def answer(self, status: int, body: object) -> None:
        payload = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, *_args: object) -> None:
        pass


def server() -> ThreadingHTTPServer:
    """On the socket we inherited, else on a free port."""
    inherited = os.environ.get("GESTALT_LISTEN_FD")
    made = ThreadingHTTPServer((os.environ["GESTALT_HOST"], 0), Handler, bind_and_activate=not inherited)
    made.daemon_threads = True
    if inherited:
        made.socket.close()
        made.socket = socket.socket(fileno=int(inherited))
        made.server_address = made.socket.getsockname()
    return made


def stop(kind: str, name: str) -> None:
    note(kind, {"signal": name})
    if not os.environ.get(f"FAKE_{kind.upper()}_DEAF"):
        os._exit(0)


def run(kind: str) -> None:
    Handler.kind = kind
    environment = {name: value for name, value in os.environ.items() if name.startswith(("GESTALT_", "REDIS_"))}
    note(kind, {"started": True, "environment": environment})
    failure = os.environ.get(f"FAKE_{kind.upper()}_FAILS")
    if failure:
        sys.stderr.write(json.dumps({"level": "error", "event": f"{kind} cannot", "why": "told so"}) + "\n")
        sys.stderr.flush()
        os._exit(int(failure))
    signal.signal(signal.SIGTERM, lambda *_: stop(kind, "TERM"))
    serving = server()
    note(kind, {"serving": serving.server_address[1]})
    sys.stdout.write(f"ready http://127.0.0.1:{serving.server_address[1]}\n")
    sys.stdout.flush()
    serving.serve_forever()
