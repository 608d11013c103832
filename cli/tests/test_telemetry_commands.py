"""Logs, traces and usage as they are printed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from gestalt_cli.__main__ import code_of
from gestalt_cli.errors import CommandFailed
from gestalt_cli.telemetry import log_line, moment, path_of, since, traces, tree

Said = pytest.CaptureFixture[str]
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def record(id_: str, body: str) -> dict[str, Any]:
    return {
        "id": id_,
        "timeUnixNano": "1000000000",
        "severityText": "warning",
        "body": {"stringValue": body},
        "attributes": [
            {"key": "port", "value": {"intValue": "5"}},
            {"key": "gestalt.source", "value": {"stringValue": "backend"}},
        ],
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "gestalt-gateway"}}]},
    }


def span(name: str, start: int, status: str = "unset", *children: dict[str, Any]) -> dict[str, Any]:
    return {
        "trace_id": "t1",
        "name": name,
        "service_name": "gateway",
        "startTimeUnixNano": str(start),
        "status": status,
        "status_message": "it\nbroke",
        "duration_ms": 1.25,
        "children": list(children),
    }


@pytest.mark.parametrize("text", ["yesterday", "5x", "-5m", "1e400d", "9" * 400 + "d"])
def test_what_is_no_time_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(CommandFailed, match=r"^--since is a duration"):
        since(text, NOW)


def test_a_duration_is_a_moment_before_now_and_a_moment_is_itself() -> None:
    assert since("90m", NOW) == "2026-01-31T10:30:00Z"
    assert since("2026-01-01T00:00:00+02:00", NOW) == "2026-01-01T00:00:00+02:00"
    assert since("", NOW) == ""


def test_only_what_was_given_is_asked() -> None:
    assert path_of("/api/otel/logs", level="", query="a b&c", limit=5) == "/api/otel/logs?query=a+b%26c&limit=5"
    assert path_of("/api/otel/usage", since="") == "/api/otel/usage"


def test_a_record_is_one_line_without_control_characters() -> None:
    assert log_line(record("1", "down\x1b[2J\nand out")) == (
        "1970-01-01T00:00:01.000Z WARNING gestalt-gateway down [2J and out port=5"
    )
    assert log_line({}).startswith("1970-01-01T00:00:00.000Z")


def test_spans_are_listed_by_trace_and_shown_as_a_tree() -> None:
    inner = span("inner", 2_000_000_000, "error")
    (row,) = traces([inner, span("outer", 1_000_000_000)])
    assert (row["name"], row["spans"], row["status"], row["start"]) == ("outer", 2, "error", moment(1_000_000_000))
    assert list(tree([span("outer", 1, "ok", inner)])) == [
        "    1.2 ms  gateway outer",
        "    1.2 ms    gateway inner  error: it broke",
    ]


def test_logs_are_printed_for_people_and_for_programs(gateway: Any, capsys: Said) -> None:
    gateway.answers["GET /api/otel/logs?level=warning&limit=2"] = (200, [record("7", "one"), record("8", "two")])
    assert code_of(["logs", "--level", "warning", "-n", "2"]) == 0
    assert [line.split()[3] for line in capsys.readouterr().out.splitlines()] == ["one", "two"]
    assert code_of(["logs", "--level", "warning", "-n", "2", "--json"]) == 0
    assert [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()] == ["7", "8"]


def test_an_unknown_trace_is_one_line(gateway: Any, capsys: Said) -> None:
    gateway.answers["GET /api/otel/traces/nobody"] = (404, {"error": "trace not found"})
    assert code_of(["traces", "nobody"]) == 1
    assert capsys.readouterr().err == "trace not found\n"


def test_usage_that_nobody_told_stays_empty(gateway: Any, capsys: Said) -> None:
    told = {"session_id": "Claude 1", "source": "claude_code", "input_tokens": 12, "output_tokens": None}
    gateway.answers["GET /api/otel/usage"] = (200, {"sessions": [{**told, "cost_usd": 0.25}]})
    assert code_of(["usage"]) == 0
    heading, line = capsys.readouterr().out.splitlines()
    assert heading.split()[:5] == ["SESSION", "ID", "SOURCE", "INPUT", "OUTPUT"]
    assert line.split() == ["Claude", "1", "claude_code", "12", "0.2500"]
    gateway.answers["GET /api/otel/usage"] = (200, {"sessions": []})
    assert code_of(["usage"]) == 0
    assert capsys.readouterr().out == ""
