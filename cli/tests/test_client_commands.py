from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from gestalt_cli.__main__ import code_of

SESSION = {"id": "Coder 1", "uid": "u1", "status": "running"}
INPUT = "/api/sessions/u1/input"
EVENTS, NOTIFICATIONS = "/api/events/stream", "/api/notifications/stream"
Stdin = Callable[[bytes], None]
Said = pytest.CaptureFixture[str]


def event(**fields: object) -> bytes:
    return b"id: 1-1\ndata: " + json.dumps(fields).encode() + b"\n\n"


@pytest.fixture
def coder(gateway: Any) -> Any:
    gateway.answers |= {
        "GET /api/sessions": (200, [SESSION]),
        f"POST {INPUT}": (200, {"bytes": 5}),
        f"POST {INPUT}?enter=1": (200, {"bytes": 5}),
        "GET /api/agents": (200, [{"id": "coder", "name": "Coder", "session_id": "Coder 1"}]),
    }
    return gateway


@pytest.mark.parametrize(
    "arguments",
    [["send", "x"], ["rm", "x"], ["output", "x"], ["attach", "x"]],
)
def test_an_unknown_session_is_one_line_that_says_where_to_look(
    gateway: Any, stdin: Stdin, arguments: list[str], capsys: Said
) -> None:
    stdin(b"hello")
    assert code_of(arguments) == 1
    said = capsys.readouterr()
    assert said.err == f"no session 'x' at http://127.0.0.1:{gateway.port} (gestalt ls shows which there are)\n"
    assert said.out == ""


def test_a_token_that_is_wanted_or_wrong_is_explained_and_not_shown(gateway: Any, capsys: Said) -> None:
    gateway.answers["GET /api/workers"] = (401, {"error": "unauthorized"})
    assert code_of(["workers"]) == 1
    assert "wants a token: pass --token or set GESTALT_TOKEN" in capsys.readouterr().err
    assert code_of(["workers", "--token", "hidden-secret"]) == 1
    said = capsys.readouterr().err
    assert "does not accept this token" in said
    assert "hidden-secret" not in said
    assert said.count("\n") == 1


def test_another_server_on_the_port_is_told_from_ours(gateway: Any, capsys: Said) -> None:
    gateway.feeds["/api/workers"] = []
    gateway.acted.set()
    assert code_of(["workers"]) == 1
    assert "does not answer as Gestalt does" in capsys.readouterr().err


@pytest.mark.parametrize("stdin_bytes", [b"", b"x" * (1024 * 1024 + 1)])
def test_send_refuses_nothing_and_too_much(coder: Any, stdin: Stdin, stdin_bytes: bytes, capsys: Said) -> None:
    stdin(stdin_bytes)
    assert code_of(["send", "Coder"]) == 1
    assert not coder.of(INPUT)
    assert capsys.readouterr().err.count("\n") == 1


def test_send_types_raw_bytes_once_and_is_silent(coder: Any, stdin: Stdin, capsys: Said) -> None:
    stdin(b"a\x00\xffb\r")
    assert code_of(["send", "Coder"]) == 0
    (asked,) = coder.of(INPUT)
    assert asked["body"] == b"a\x00\xffb\r"
    assert asked["headers"]["Content-Type"] == "application/octet-stream"
    assert asked["headers"]["Idempotency-Key"]
    assert capsys.readouterr() == ("", "")
    stdin(b"hello")
    assert code_of(["send", "--enter", "u1"]) == 0
    assert coder.of(f"{INPUT}?enter=1")


@pytest.mark.parametrize("timeout", ["x", "-1", "10y"])
def test_a_timeout_that_is_none_is_a_usage_error(coder: Any, stdin: Stdin, timeout: str, capsys: Said) -> None:
    stdin(b"hello")
    assert code_of(["send", "--wait", "--timeout", timeout, "Coder"]) == 2
    assert not coder.of(INPUT)
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("kind", ["agent-turn-complete", "Agent Turn Complete"])
def test_wait_returns_when_the_agents_turn_is_complete(coder: Any, stdin: Stdin, kind: str) -> None:
    coder.feeds[EVENTS] = []
    coder.feeds[NOTIFICATIONS] = [
        event(type="agent-turn-complete", session_id="Other 1"),
        event(type="progress", session_id="Coder 1"),
        event(type=kind, session_id="Coder 1"),
    ]
    stdin(b"hello")
    assert code_of(["send", "--wait", "--timeout", "10s", "Coder"]) == 0
    assert len(coder.of(INPUT)) == 1


def test_wait_ends_with_the_session_and_says_so(coder: Any, stdin: Stdin, capsys: Said) -> None:
    coder.feeds |= {EVENTS: [event(type="terminal_closed", session_id="Coder 1")], NOTIFICATIONS: []}
    stdin(b"hello")
    assert code_of(["send", "--wait", "Coder"]) == 1
    assert "ended before its turn was complete" in capsys.readouterr().err


def test_wait_is_3_when_it_takes_too_long(coder: Any, stdin: Stdin, capsys: Said) -> None:
    coder.feeds |= {EVENTS: [], NOTIFICATIONS: [event(type="progress", session_id="Coder 1")]}
    stdin(b"hello")
    assert code_of(["send", "--wait", "--timeout", "0.3", "Coder"]) == 3
    assert capsys.readouterr().err == "'Coder 1' is not done after 0.3 s (--timeout)\n"


def test_who_cannot_be_told_of_the_end_types_nothing(coder: Any, stdin: Stdin, capsys: Said) -> None:
    coder.answers[f"GET {NOTIFICATIONS}"] = (503, {"error": "telemetry unavailable"})
    stdin(b"hello")
    assert code_of(["send", "--wait", "Coder"]) == 1
    assert "telemetry unavailable" in capsys.readouterr().err
    assert not coder.of(INPUT)


@pytest.mark.parametrize(
    ("payload", "said"),
    [("{", "not JSON"), ("[]", "must be a JSON object"), ("{}", "missing payload type"), ('{"type": 1}', "missing")],
)
def test_notify_refuses_what_is_no_payload_without_asking(gateway: Any, payload: str, said: str, capsys: Said) -> None:
    assert code_of(["notify", "Coder", payload]) == 5
    assert said in capsys.readouterr().err
    assert not gateway.asked


def test_notify_delivers_with_the_payloads_own_time_and_lists_nothing(gateway: Any, stdin: Stdin) -> None:
    gateway.answers["POST /api/sessions/Coder%201/notify"] = (204, None)
    stdin(b'{"type": "agent-turn-complete", "timestamp": "2026-01-02T03:04:05Z"}')
    assert code_of(["notify", "Coder", "-", "--event-id", "e1"]) == 0
    assert [asked["path"] for asked in gateway.asked] == ["/api/sessions/Coder%201/notify"]
    assert json.loads(gateway.asked[-1]["body"]) == {
        "session_id": "Coder 1",
        "occurred_at": "2026-01-02T03:04:05Z",
        "event_id": "e1",
        "payload": {"type": "agent-turn-complete", "timestamp": "2026-01-02T03:04:05Z"},
    }


def test_notify_takes_a_uid_as_it_is_and_an_agents_id_for_its_session(coder: Any) -> None:
    uid = "01993b6e-0f2c-7c4e-8f3a-5b1d2e3f4a5b"
    coder.answers |= {f"POST /api/sessions/{uid}/notify": (204, None), "POST /api/sessions/u7/notify": (204, None)}
    assert code_of(["notify", uid, '{"type": "x"}']) == 0
    coder.answers["GET /api/sessions"] = (200, [{"id": "The Coder 1", "uid": "u7", "agent_id": "coder"}])
    assert code_of(["notify", "coder", '{"type": "x"}']) == 0
    assert json.loads(coder.asked[-1]["body"])["session_id"] == "u7"


def test_notify_says_which_session_there_is_not(gateway: Any, capsys: Said) -> None:
    for ref in ("nobody", "Coder 1"):
        assert code_of(["notify", ref, '{"type": "x"}']) == 1
        assert f"no session {ref!r} at http://127.0.0.1:{gateway.port}" in capsys.readouterr().err


def test_agent_does_not_attach_to_another_session_that_has_its_name(gateway: Any, capsys: Said) -> None:
    said = '"Coder 1" is the name of another session'
    gateway.answers["POST /api/sessions"] = (409, {"error": said, "session_id": "Coder 1"})
    gateway.answers["GET /api/sessions"] = (200, [{**SESSION, "agent_id": None}])
    assert code_of(["agent", "coder"]) == 1
    assert capsys.readouterr().err == f"{said}\n"


@pytest.mark.parametrize("command", [["agent", "nobody"], ["new", "--agent", "nobody"]])
def test_a_missing_profile_is_told_with_where_it_would_be(gateway: Any, command: list[str], capsys: Said) -> None:
    gateway.answers["POST /api/sessions"] = (400, {"error": "unknown agent", "code": "invalid_request"})
    assert code_of(command) == 1
    assert ".gestalt/config/agents/nobody.toml" in capsys.readouterr().err


def test_new_takes_an_agent_or_a_program(gateway: Any) -> None:
    del gateway
    assert code_of(["new", "--agent", "x", "--", "ls"]) == 2


def test_new_with_an_agent_asks_for_it(gateway: Any, capsys: Said) -> None:
    gateway.answers["POST /api/sessions"] = (201, {"id": "Coder 1"})
    assert code_of(["new", "--agent", "coder"]) == 0
    assert json.loads(gateway.asked[0]["body"]) == {"agent": "coder"}
    assert capsys.readouterr().out == "Coder 1\n"


def test_rm_ends_each_and_stops_at_what_is_not_there(coder: Any, capsys: Said) -> None:
    coder.answers["DELETE /api/sessions/u1"] = (204, None)
    assert code_of(["rm", "Coder", "nobody"]) == 1
    assert len(coder.of("/api/sessions/u1")) == 1
    assert "nobody" in capsys.readouterr().err


def test_output_is_text_lines_or_the_answer(coder: Any, capsys: Said) -> None:
    text, raw = {"id": "Coder 1", "lines": ["a", "b"], "cursor": 4}, {"id": "Coder 1", "lines": ["\x1b[1ma"]}
    coder.answers["GET /api/sessions/u1/output?format=text"] = (200, text)
    coder.answers["GET /api/sessions/u1/output?format=raw"] = (200, raw)
    assert code_of(["output", "Coder"]) == 0
    assert capsys.readouterr().out == "a\nb\n"
    assert code_of(["output", "Coder", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == text
    assert code_of(["output", "Coder", "--ansi"]) == 0
    assert capsys.readouterr().out == "\x1b[1ma\n"


def test_plans_are_lines_with_what_is_done(gateway: Any, capsys: Said) -> None:
    steps = [{"keyword": "DONE"}, {"keyword": "WIP"}, {"keyword": "TODO"}]
    headings = [{"keyword": "WIP", "children": steps}, {"keyword": "DONE", "children": []}]
    plan = {"filename": "x.org", "title": "A \x1b[31mplan", "headings": headings, "priority_a": 2, "priority_b": 0}
    gateway.answers["GET /api/plans"] = (200, {"plans": [plan, {"filename": "y.org", "error": "not readable"}]})
    assert code_of(["plans"]) == 0
    out = capsys.readouterr().out
    assert "2/4" in out
    assert "not readable" in out
    assert "\x1b" not in out
    assert code_of(["plans", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["plans"][0]["filename"] == "x.org"


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_completion_is_a_script_for_bash_or_zsh(shell: str, capsys: Said) -> None:
    assert code_of(["completion", shell]) == 0
    assert "_GESTALT_COMPLETE" in capsys.readouterr().out
    assert code_of(["completion", "fish"]) == 2


@pytest.mark.parametrize(
    ("words", "offered"),
    [("gestalt at", "attach"), ("gestalt attach ", "Coder\\ 1"), ("gestalt rm Coder\\", "Coder\\ 1")],
)
def test_commands_and_sessions_are_completed(
    coder: Any, words: str, offered: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = {"_GESTALT_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    monkeypatch.setenv("GESTALT_URL", f"http://127.0.0.1:{coder.port}")
    said = subprocess.run(
        [sys.executable, "-m", "gestalt_cli"], env=os.environ | typed, capture_output=True, check=True
    )
    assert offered in said.stdout.decode().splitlines()


def test_the_version_is_told(capsys: Said) -> None:
    assert code_of(["--version"]) == 0
    assert capsys.readouterr().out.startswith("gestalt version ")
