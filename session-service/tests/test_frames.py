"""What clients see of an event, and what stays inside."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from gestalt_contracts.bus import Entry, Reset
from gestalt_contracts.events import Event
from gestalt_session.frames import frame, reset_frame
from gestalt_session.viewer_socket import binary_header

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SHOWN_AT = "2026-01-02T03:04:05Z"


def shown(**event: Any) -> dict[str, Any]:
    return frame(Entry("7-0", Event(occurred_at=AT, actor="somebody", session_uid="uid", **event)))


def test_topic_actor_and_cause_stay_inside() -> None:
    assert shown(type="git-branch", topic="git") == {"type": "git-branch", "timestamp": SHOWN_AT, "id": "7-0"}


def test_data_never_hides_when_it_was_or_which_event_it_is() -> None:
    event = shown(type="agent-turn-complete", topic="agent", agent_id="a", data={"timestamp": "forged", "id": "forged"})
    assert event == {"type": "agent-turn-complete", "agent_id": "a", "timestamp": SHOWN_AT, "id": "7-0"}


@pytest.mark.parametrize(
    ("event", "wanted"),
    [
        ({"type": "terminal_bell", "topic": "terminal", "session_id": "Shell 1"}, {"session_id": "Shell 1"}),
        (
            {"type": "terminal_closed", "topic": "terminal", "session_id": "s", "data": {"exit_code": 0}},
            {"session_id": "s", "data": {"exit_code": 0}},
        ),
        (
            {"type": "file-change", "topic": "file", "data": {"path": "/a", "op": "WRITE"}},
            {"path": "/a", "op": "WRITE"},
        ),
    ],
)
def test_each_topic_has_its_shape(event: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert shown(**event) == {"type": event["type"], **wanted, "timestamp": SHOWN_AT, "id": "7-0"}


def test_a_reset_says_why_and_from_where_it_goes_on() -> None:
    assert reset_frame(Reset("trimmed", "3-0")) == {"type": "reset", "reason": "trimmed", "oldest": "3-0"}
    assert reset_frame(Reset("lost", None)) == {"type": "reset", "reason": "lost", "oldest": None}


SIZES = st.sampled_from([0, 1, 125, 126, 127, 65_535, 65_536, 131_072]) | st.integers(0, 200_000)


@given(SIZES)
def test_a_frame_of_output_is_what_the_library_would_send(size: int) -> None:
    payload = b"x" * size
    assert binary_header(size) + payload == Frame(Opcode.BINARY, payload).serialize(mask=False)
