from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from gestalt_cli.compatible.agent import agent
from gestalt_cli.compatible.flags import masked, run
from gestalt_cli.compatible.notify import notify
from gestalt_cli.compatible.send import send

Stdin = Callable[[bytes], None]
Said = pytest.CaptureFixture[str]
INPUT = "/api/sessions/Coder%201/input"
NOTIFY = "/api/sessions/Coder%201/notify"
TURN = '{"type": "agent-turn-complete"}'


@pytest.fixture
def code(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """`code(send, "Coder")`: the exit code of a command as it is typed."""

    def typed(command: Callable[[list[str]], int], *arguments: str) -> int:
        monkeypatch.setattr("sys.argv", [command.__name__, *arguments])
        with pytest.raises(SystemExit) as ended:
            run(command)
        return int(ended.value.code or 0)

    return typed


@pytest.mark.parametrize("command", [send, notify, agent])
def test_help_and_version_are_0(command: Any, code: Any, capsys: Said) -> None:
    program = f"gestalt-{command.__name__}"
    for flag in ("-v", "--version", "-version"):
        assert code(command, flag) == 0
        assert capsys.readouterr().out.startswith(f"{program} version ")
    for flag in ("-h", "--help", "-help"):
        assert code(command, flag) == 0
        assert "--port" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("command", "arguments", "exit_code"),
    [
        (send, [], 1),
        (send, ["a", "b"], 1),
        (send, ["--session-id", "x"], 1),
        (send, ["--url", "x", "y"], 1),
        (send, ["--port", "0", "x"], 1),
        (send, ["--port", "x", "x"], 1),
        (send, [" "], 1),
        (send, ["completion", "fish"], 1),
        (notify, [], 1),
        (notify, [TURN], 1),
        (notify, ["--session-id", " ", TURN], 1),
        (notify, ["--session-id", "x"], 1),
        (notify, ["--session-id", "x", "--timeout", "soon", TURN], 1),
        (notify, ["--session-id", "x", "--timeout", "0s", TURN], 1),
        (notify, ["--session-id", "x", "no json"], 5),
        (notify, ["--session-id", "x", "[]"], 5),
        (notify, ["--session-id", "x", '{"type": " "}'], 5),
        (agent, [], 2),
        (agent, ["a", "b"], 2),
        (agent, ["../a"], 2),
        (agent, ["a\\b"], 2),
        (agent, [".toml"], 2),
        (agent, ["--nope", "a"], 2),
    ],
)
def test_usage_is_refused_in_one_line_and_nobody_is_asked(
    command: Any, arguments: list[str], exit_code: int, gateway: Any, code: Any, capsys: Said
) -> None:
    assert code(command, *arguments) == exit_code
    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    assert said.out == ""
    assert not gateway.asked


@pytest.mark.parametrize(("command", "exit_code"), [(send, 3), (notify, 3), (agent, 6)])
def test_no_server_is_one_line_with_its_address(
    command: Any, exit_code: int, code: Any, stdin: Stdin, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GESTALT_URL", raising=False)
    stdin(b"x")
    arguments = ["-session-id=x", TURN] if command is notify else ["x"]
    assert code(command, "-host", "http://127.0.0.1", "--port=1", *arguments) == exit_code
    said = capsys.readouterr().err
    assert "http://127.0.0.1:1" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("ref", "path"),
    [
        ("Coder", INPUT),
        ("Coder 1", INPUT),
        ("exact", "/api/sessions/exact/input"),
        ("No 7", "/api/sessions/No%207/input"),
    ],
)
def test_send_resolves_as_the_reference_does(ref: str, path: str, gateway: Any, code: Any, stdin: Stdin) -> None:
    gateway.answers |= {"GET /api/sessions": (200, [{"id": "exact"}]), f"POST {path}": (200, {"bytes": 2})}
    stdin(b"\x00\xff")
    assert code(send, ref) == 0
    (asked,) = gateway.of(path)
    assert asked["body"] == b"\x00\xff"


@pytest.mark.parametrize(("status", "exit_code"), [(404, 2), (400, 3), (409, 3), (500, 3), (503, 3)])
def test_send_says_why_not(status: int, exit_code: int, gateway: Any, code: Any, stdin: Stdin, capsys: Said) -> None:
    gateway.answers[f"POST {INPUT}"] = (status, {"error": "terminal not found"})
    stdin(b"x")
    assert code(send, "Coder") == exit_code
    said = capsys.readouterr().err
    assert "terminal not found" in said
    assert ("(resolved from 'Coder')" in said) == (status == 404)


@pytest.mark.parametrize("flag", ["--verbose", "-debug"])
def test_no_secret_is_ever_shown(flag: str, gateway: Any, code: Any, stdin: Stdin, capsys: Said) -> None:
    gateway.answers |= {f"POST {INPUT}": (200, {"bytes": 1}), f"POST {NOTIFY}": (204, None)}
    stdin(b"hello")
    assert code(send, "--token", "abcdefgh-secret-xyz", flag, "Coder") == 0
    assert code(notify, "--token", "abcdefgh-secret-xyz", flag, "--session-id", "Coder 1", TURN) == 0
    said = capsys.readouterr().err
    assert "ab***yz" in said
    assert "secret" not in said
    assert gateway.asked[0]["headers"]["Authorization"] == "Bearer abcdefgh-secret-xyz"


@pytest.mark.parametrize(("token", "shown"), [("", "none"), ("abc", "***"), ("abcdef", "***"), ("abcdefg", "ab***fg")])
def test_short_tokens_are_hidden_whole(token: str, shown: str) -> None:
    assert masked(token) == shown


@pytest.mark.parametrize(
    ("status", "exit_code"), [(204, 0), (200, 0), (400, 2), (401, 2), (403, 2), (404, 4), (422, 5), (500, 3), (503, 3)]
)
def test_notify_has_a_code_for_each_answer(status: int, exit_code: int, gateway: Any, code: Any) -> None:
    gateway.answers[f"POST {NOTIFY}"] = (status, None if status == 204 else {"error": "no"})
    assert code(notify, "--session-id", " Coder 1 ", TURN) == exit_code


def test_notify_takes_stdin_and_the_payloads_time(gateway: Any, code: Any, stdin: Stdin) -> None:
    gateway.answers[f"POST {NOTIFY}"] = (204, None)
    for payload, occurred in (
        ({"type": "x", "occurred_at": "2026-01-02T03:04:05+01:00"}, "2026-01-02T03:04:05+01:00"),
        ({"type": "x", "occurred_at": "yesterday", "timestamp": "2026-01-02T03:04:05.5Z"}, "2026-01-02T03:04:05.5Z"),
        ({"type": "x", "timestamp": "2026-01-02"}, None),
    ):
        stdin(json.dumps(payload).encode())
        assert code(notify, "--session-id", "Coder 1", "-") == 0
        sent = json.loads(gateway.asked[-1]["body"])
        wanted = {"session_id": "Coder 1", "payload": payload}
        assert sent == (wanted if occurred is None else wanted | {"occurred_at": occurred})


@pytest.mark.parametrize(("typed", "session"), [("coder", "Coder 1"), ("coder.TOML", "Coder 1"), ("fixer", "Fixer 3")])
def test_a_dry_run_prints_its_command_and_creates_nothing(
    typed: str, session: str, gateway: Any, code: Any, capsys: Said
) -> None:
    agents = [{"id": "coder", "name": "Coder", "session_id": ""}, {"id": "fixer", "name": "F", "session_id": "Fixer 3"}]
    gateway.answers["GET /api/agents"] = (200, agents)
    assert code(agent, "--dryrun", typed, "--token", "secret") == 0
    assert capsys.readouterr().out == f"gestalt attach --host 127.0.0.1 --port {gateway.port} '{session}'\n"
    assert [asked["method"] for asked in gateway.asked] == ["GET"]


def test_an_unknown_agent_is_6(gateway: Any, code: Any, capsys: Said) -> None:
    gateway.answers |= {"GET /api/agents": (200, []), "POST /api/sessions": (400, {"error": "unknown agent"})}
    assert code(agent, "nobody") == code(agent, "--dryrun", "nobody") == 6
    assert capsys.readouterr().err.count("agents/nobody.toml") == 2


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_send_completes(shell: str, code: Any, capsys: Said) -> None:
    assert code(send, "completion", shell) == 0
    assert "--verbose" in capsys.readouterr().out
