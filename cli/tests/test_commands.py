from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from gestalt_cli import api
from gestalt_cli.__main__ import code_of
from gestalt_cli.errors import CommandFailed


class Door(BaseHTTPRequestHandler):
    """A server that notes what it is asked and answers what it is told to."""

    asked: list[dict[str, Any]]
    status: int
    answer: bytes

    def do_GET(self) -> None:
        self._answer(None)

    def do_POST(self) -> None:
        self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def _answer(self, body: object) -> None:
        kept = {"path": self.path, "body": body, "authorization": self.headers.get("Authorization")}
        self.asked.append(kept)
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.answer)))
        self.end_headers()
        self.wfile.write(self.answer)

    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Door]]:
    handler = type("ThisDoor", (Door,), {"asked": [], "status": 200, "answer": b"[]"})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        for name in ("GESTALT_URL", "GESTALT_HOST", "GESTALT_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("GESTALT_PORT", str(server.server_port))
        monkeypatch.setenv("HTTP_PROXY", "http://192.0.2.1:1")
        yield handler
        server.shutdown()
        thread.join()


def test_gestalt_alone_prints_what_it_can_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of([]) == 0
    out = capsys.readouterr().out
    assert all(command in out for command in ("up", "ls", "new"))


@pytest.mark.parametrize(
    "arguments",
    [["nope"], ["ls", "--nope"], ["up", "--port", "70000"], ["up", "--workers", "0"], ["ls", "--port", "x"]],
)
def test_what_is_not_understood_is_one_line_and_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of(arguments) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_server_that_is_not_there_is_one_line_with_its_address(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of(["ls", "--port", "1"]) == 1
    said = capsys.readouterr()
    assert said.err.startswith("cannot reach Gestalt at http://127.0.0.1:1: ")
    assert said.err.count("\n") == 1
    assert said.out == ""


@pytest.mark.parametrize(
    ("status", "answer", "line"),
    [
        (409, b'{"message": "m", "error": "agent is\\nrunning", "code": "conflict"}', "agent is running\n"),
        (502, b"bad gateway\n", "bad gateway\n"),
        (503, b"", "503 Service Unavailable\n"),
        (400, b"[]", "[]\n"),
    ],
)
def test_a_refusal_is_told_in_the_servers_words_on_one_line(
    door: type[Door], status: int, answer: bytes, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    door.status, door.answer = status, answer
    assert code_of(["new"]) == 1
    assert capsys.readouterr().err == line


def test_new_starts_a_shell_and_prints_only_the_id(door: type[Door], capsys: pytest.CaptureFixture[str]) -> None:
    door.status, door.answer = 201, b'{"id": "Shell 1", "uid": "x"}'
    assert code_of(["new"]) == 0
    assert capsys.readouterr().out == "Shell 1\n"
    assert door.asked == [{"path": "/api/sessions", "body": {}, "authorization": None}]


@pytest.mark.parametrize("arguments", [["--", "ls", "--json", "-l"], ["ls", "--json", "-l"]])
def test_new_passes_a_programs_own_flags_on(door: type[Door], arguments: list[str]) -> None:
    door.status, door.answer = 201, b'{"id": "a b 1"}'
    assert code_of(["new", "--title", "a b", "--token", "secret", *arguments]) == 0
    (asked,) = door.asked
    assert asked["body"] == {"title": "a b", "command": ["ls", "--json", "-l"]}
    assert asked["authorization"] == "Bearer secret"


def test_ls_as_json_is_what_the_api_gives(door: type[Door], capsys: pytest.CaptureFixture[str]) -> None:
    door.answer = '[{"id": "Ä 1", "extra": [1, null]}]'.encode()
    assert code_of(["ls", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [{"id": "Ä 1", "extra": [1, None]}]


def test_ls_shows_a_line_a_session_whatever_is_in_it(door: type[Door], capsys: pytest.CaptureFixture[str]) -> None:
    session = {
        "id": "[red]x 1",
        "status": "closed",
        "exit_code": -9,
        "command": "sh -c 'a [b]'",
        "cwd": "/w",
        "uid": "u",
    }
    door.answer = json.dumps([session, session | {"id": "y 1", "exit_code": None}]).encode()
    assert code_of(["ls"]) == 0
    out = capsys.readouterr().out
    assert "[red]x 1" in out
    assert "sh -c 'a [b]'" in out
    assert "None" not in out


def test_ls_of_nothing_is_silent(door: type[Door], capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of(["ls"]) == 0
    assert capsys.readouterr().out == ""
    assert door.asked[0]["path"] == "/api/sessions"


@pytest.mark.parametrize(
    ("host", "port", "environment", "url"),
    [
        (None, None, {}, "http://127.0.0.1:57417"),
        (None, None, {"GESTALT_URL": "", "GESTALT_HOST": "", "GESTALT_PORT": ""}, "http://127.0.0.1:57417"),
        (None, None, {"GESTALT_HOST": "10.0.0.1", "GESTALT_PORT": "80"}, "http://10.0.0.1:80"),
        (None, None, {"GESTALT_HOST": "0.0.0.0"}, "http://127.0.0.1:57417"),  # noqa: S104 - the case
        (None, None, {"GESTALT_URL": "https://g.example/", "GESTALT_PORT": "80"}, "https://g.example"),
        (None, 81, {"GESTALT_URL": "https://g.example/", "GESTALT_HOST": "h"}, "http://h:81"),
        ("::1", None, {"GESTALT_URL": "https://g.example/"}, "http://[::1]:57417"),
    ],
)
def test_flags_beat_the_url_which_beats_host_and_port(
    host: str | None, port: int | None, environment: dict[str, str], url: str
) -> None:
    assert api.locate(host, port, environment) == url


@pytest.mark.parametrize("environment", [{"GESTALT_PORT": "x"}, {"GESTALT_PORT": "0"}, {"GESTALT_URL": "g.example:80"}])
def test_a_variable_that_makes_no_sense_is_named(environment: dict[str, str]) -> None:
    with pytest.raises(CommandFailed, match=next(iter(environment))):
        api.locate(None, None, environment)
