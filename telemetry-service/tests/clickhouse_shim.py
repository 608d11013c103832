"""ClickHouse itself, embedded, behind as much of its HTTP interface as the service uses. A process of its own.

`python clickhouse_shim.py FOLDER PORT`: says `ready PORT`, ends with its standard input.
"""

from __future__ import annotations

import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from chdb.session import Session

USER, PASSWORD = "gestalt", "a pass/word"
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
CODE = re.compile(r"Code: (\d+)")


class Engine:
    """The engine takes one statement at a time."""

    def __init__(self, folder: str) -> None:
        self._session = Session(folder)
        self._turn = threading.Lock()

    def say(self, query: dict[str, str], body: bytes) -> bytes:
        parameters = {name.removeprefix("param_"): value for name, value in query.items() if name.startswith("param_")}
        settings = {name: value for name, value in query.items() if not name.startswith("param_")}
        database, statement = settings.pop("database", "default"), settings.pop("query", "")
        settings.pop("wait_end_of_query", None)  # the HTTP interface's own: here every answer is whole
        with self._turn:
            if NAME.fullmatch(database):
                self._session.query(f"USE {database}")
            for name, value in settings.items():
                assert NAME.fullmatch(name)
                assert NAME.fullmatch(value) or value.isdigit()
                self._session.query(f"SET {name} = {value if value.isdigit() else repr(value)}")
            sql = f"{statement}\n{body.decode()}" if statement else body.decode()
            return bytes(self._session.query(sql, "TabSeparated", params=parameters).bytes())


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    engine: Engine

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        given = self.headers["x-clickhouse-user"], self.headers["x-clickhouse-key"]
        if given != (USER, PASSWORD):
            self._answer(403, b"Code: 516. DB::Exception: Authentication failed", "516")
            return
        try:
            found = self.engine.say(dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True)), body)
        except Exception as error:  # noqa: BLE001 - whatever the engine says is the answer
            code = CODE.search(str(error))
            self._answer(500, str(error).encode(), code[1] if code else "")
        else:
            self._answer(200, found)

    def _answer(self, status: int, body: bytes, code: str = "") -> None:
        self.send_response(status)
        if code:
            self.send_header("X-ClickHouse-Exception-Code", code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    Handler.engine = Engine(sys.argv[1])
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"ready {server.server_address[1]}", flush=True)  # noqa: T201 - it is read by the parent
    sys.stdin.read()
