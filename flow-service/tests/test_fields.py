from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from gestalt_contracts.events import Event
from gestalt_flow.fields import event_id_of, fields_of, fnv1a, text

WHEN = datetime(2026, 1, 2, 1, 4, 5, tzinfo=UTC)


def event(topic: str, kind: str, **more: Any) -> Event:
    return Event(type=kind, topic=topic, occurred_at=WHEN, **more)


def test_the_hash_is_the_documented_one() -> None:
    branch = {"op": "[no events]", "path": "newbranch", "type": "git-branch"}
    assert fnv1a({**branch, "timestamp": "2026-11-23T18:53:26.433199646Z"}) == "06e517f9dda7af7f"
    data = {"git-branch": "main", "notify.git-branch": "main", "notify.type": "commit"}
    told = event(
        "notify", "git-commit", data={**data, "session.id": "Tester 1", "session_id": "Tester 1"}, agent_id="tester"
    )
    assert event_id_of(told, fields_of(told)) == "02c7a57c5754852c"


def test_an_id_that_was_given_is_the_id() -> None:
    told = event("notify", "work-start", data={"notify.event_id": "e-1"})
    assert event_id_of(told, fields_of(told)) == "e-1"


def test_terminal_events_have_their_session_under_every_name() -> None:
    fields = fields_of(
        event("terminal", "terminal_closed", session_id="Shell 1", session_uid="u", data={"exit_code": 3})
    )
    assert fields == {
        "type": "terminal_closed",
        "timestamp": "2026-01-02T01:04:05Z",
        "session_id": "Shell 1",
        "session.id": "Shell 1",
        "session.uid": "u",
        "terminal_id": "Shell 1",
        "data.exit_code": "3",
        "exit_code": "3",
    }


def test_values_are_text_without_exponents_and_empty_ones_are_left_out() -> None:
    assert [text(value) for value in (1e21, 1.5, 7, True, None, [1])] == ["1" + "0" * 21, "1.5", "7", "true", "", ""]
    assert "empty" not in fields_of(event("file", "file-change", data={"empty": " ", "path": "/a"}))
