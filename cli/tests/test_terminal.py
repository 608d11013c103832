from __future__ import annotations

import json
import shlex

from gestalt_cli.stack import terminal
from gestalt_cli.supervision.words import Back, Drained, GaveUp, Kind, Lost, Unit

KIND = Kind(name="session", start_stage=0, stop_stage=0, patience=1, grace=1)
UNIT = Unit("session-1", KIND)


def facts(*, token: bool = False, draining: int = 0) -> terminal.Running:
    return terminal.Running(
        version="1.2.3",
        url="http://127.0.0.1:57417",
        workspace="/w",
        redis="Valkey 9",
        workers=2,
        draining=draining,
        logs="/w/.gestalt/logs",
        token=token,
        command="/venv/bin/gestalt",
    )


def record(level: str, event: str, **more: object) -> bytes:
    return json.dumps({"event": event, "level": level, "timestamp": "now", **more}).encode()


def test_what_is_no_json_and_what_is_no_warning_stays_in_the_log() -> None:
    lines = [b"Traceback (most recent call last):", b"17", b"\xff\xfe", b"", record("info", "served")]
    assert terminal.loud("session", lines) == []


def test_a_warning_is_one_short_line_with_what_it_is_about() -> None:
    (line,) = terminal.loud("session", [record("warning", "disk\nfull", session="a 1", detail="x" * 500)])
    assert line.startswith("session: warning: disk full session=a 1 detail=xxx")
    assert len(line) == terminal.LINE_CHARACTERS


def test_of_a_flood_of_errors_some_are_shown_and_the_rest_counted() -> None:
    lines = terminal.loud("gateway", [record("error", f"e{number}") for number in range(50)])
    assert lines[0] == "gateway: error: e0"
    assert lines[-1] == "gateway: 40 more, see its log"
    assert len(lines) == 11


def test_every_notice_is_a_sentence() -> None:
    assert terminal.told(Lost(UNIT, -9, 0.1), "", "") == "session-1 ended (SIGKILL); starting it again in 0.1 s"
    assert terminal.told(Lost(UNIT, 3, 5.0), "", "") == "session-1 ended (exit code 3); starting it again in 5 s"
    assert terminal.told(Back(UNIT), "", "") == "session-1 is back"
    assert terminal.told(Drained(UNIT), "", "") == "session-1 has no terminals left and has ended"


def test_what_does_not_start_is_told_with_its_last_words_and_where_to_read_more() -> None:
    line = terminal.told(GaveUp(UNIT, 1), "/logs/session.log", terminal.last_words(record("error", "no slots")))
    assert line == "session-1 does not start (exit code 1): no slots; see /logs/session.log"
    assert "it said nothing" in terminal.told(GaveUp(UNIT, 1), "/l", terminal.last_words(b""))
    assert terminal.last_words(b"ValueError: bad\n") == "ValueError: bad"


def test_the_greeting_says_where_it_is_and_what_to_try() -> None:
    page = terminal.started(facts(draining=1))
    assert "http://127.0.0.1:57417\n" in page
    assert "2, and 1 that keep older terminals until they end" in page
    assert "token" not in page
    assert all(len(shlex.split(line)) > 1 for line in terminal.things_to_try(facts()).splitlines())


def test_the_commands_to_try_name_the_token_and_do_not_show_it() -> None:
    page = terminal.started(facts(token=True))
    assert "(token demanded)" in page
    assert 'Authorization: Bearer $GESTALT_TOKEN"' in page
