"""The envelope as it lies in streams. What an older release wrote is read for ever: golden lines are only added."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import msgspec
import pytest

from gestalt_contracts import events
from gestalt_contracts.events import Cause, Event, decode, encode, rfc3339

GOLDEN = Path(__file__).with_name("golden") / "events.jsonl"
MOMENT = datetime(2026, 3, 1, 9, 15, 2, 481_000, UTC)

EXAMPLES = [
    Event(
        type=events.TERMINAL_CREATED,
        topic="terminal",
        occurred_at=MOMENT,
        session_id="Coder 1",
        session_uid="0195507e-0000-7000-8000-000000000001",
        agent_id="coder",
        actor="gestalt",
    ),
    Event(
        type=events.TERMINAL_CLOSED,
        topic="terminal",
        occurred_at=MOMENT,
        session_id="Größe 1",
        data={"exit_code": None},
        cause=Cause("1772356502481-0", depth=2),
    ),
    Event(type=events.FILE_CHANGE, topic="file", occurred_at=MOMENT, data={"path": "/a", "op": "WRITE"}),
    Event(
        type=events.WATCH_ERROR,
        topic="file",
        occurred_at=MOMENT.replace(microsecond=0),
        data={"path": "", "suppressed": 3},
        cause=Cause("1-0"),
    ),
    Event(
        type=events.AGENT_ERROR,
        topic="agent",
        occurred_at=MOMENT,
        session_id="Coder 1",
        session_uid="0195507e-0000-7000-8000-000000000001",
        agent_id="coder",
        data={"agent_name": "Coder", "context": {"error": "why"}},
    ),
    Event(
        type="git-commit",
        topic="notify",
        occurred_at=MOMENT,
        session_id="Coder 1",
        session_uid="0195507e-0000-7000-8000-000000000001",
        agent_id="coder",
        data={"type": "git-commit", "notify.type": "commit", "notify.event_id": "e1"},
    ),
]


def golden() -> list[bytes]:
    return GOLDEN.read_bytes().splitlines()


@pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b'{"type":"a","topic":"b"}', b'{"type":1,"topic":"b"}'])
def test_what_is_no_event_is_refused(raw: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        decode(raw)


def test_events_are_written_as_ever() -> None:
    assert [encode(event) for event in EXAMPLES] == golden()


def test_what_was_ever_written_is_read() -> None:
    assert [decode(line) for line in golden()] == EXAMPLES


def test_fields_of_a_later_release_are_ignored() -> None:
    later = golden()[0][:-1] + b',"mood":"fine"}'
    assert decode(later) == EXAMPLES[0]


def test_an_event_lies_in_one_line() -> None:
    assert b"\n" not in encode(Event(type="a", topic="b", occurred_at=MOMENT, data={"text": "one\ntwo"}))


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (MOMENT, "2026-03-01T09:15:02.481Z"),
        (MOMENT.replace(microsecond=0), "2026-03-01T09:15:02Z"),
        (MOMENT.replace(microsecond=1), "2026-03-01T09:15:02.000001Z"),
        (MOMENT.replace(second=0, microsecond=0), "2026-03-01T09:15:00Z"),
        (datetime(2026, 3, 1, 10, 15, tzinfo=timezone(timedelta(hours=1))), "2026-03-01T09:15:00Z"),
    ],
)
def test_times_are_utc_without_trailing_zeros(moment: datetime, text: str) -> None:
    assert rfc3339(moment) == text
