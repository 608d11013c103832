"""Reading what hooks say: refusals in their order, types, fields, progress."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gestalt_contracts.errors import GestaltError, Unprocessable
from gestalt_session.notices.fields import fields_of
from gestalt_session.notices.kinds import canonical
from gestalt_session.notices.notice import Body, Notice, notice_of
from gestalt_session.notices.progress import normalised, progress_of

NOW = datetime(2026, 3, 1, 9, 15, 2, 481_000, UTC)
KINDS = {"plan-new", "plan-update", "work-start", "work-progress", "work-finish", "git-commit"} | {
    "prompt-voice", "prompt-text", "agent-turn-complete",
}  # fmt: skip


def notice(kind: str = "t", **payload: Any) -> Notice:
    return notice_of(Body("Coder 1", {"type": kind, **payload}), "Coder 1", NOW)


# -- refusals


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (Body(), 400, "missing session id"),
        (Body(" ", None), 400, "missing session id"),
        (Body("other"), 422, "missing payload"),
        (Body("other", None), 422, "payload must be a JSON object"),
        (Body("other", []), 422, "payload must be a JSON object"),
        (Body("other", "t"), 422, "payload must be a JSON object"),
        (Body("other", {}), 422, "missing payload type"),
        (Body("other", {"type": "\t"}), 422, "missing payload type"),
        (Body("other", {"type": ["t"]}), 422, "missing payload type"),
        (Body("other", {"type": "t"}), 400, "session id mismatch"),
        (Body("coder 1", {"type": "t"}), 400, "session id mismatch"),
    ],
)
def test_the_first_thing_wrong_is_told(body: Body, status: int, message: str) -> None:
    with pytest.raises(GestaltError) as refused:
        notice_of(body, "Coder 1", NOW)
    assert (refused.value.status, refused.value.message) == (status, message)


def test_a_moment_beyond_the_calendar_is_refused() -> None:
    edge = datetime.fromisoformat("0001-01-01T00:00:00+14:00")
    with pytest.raises(GestaltError, match="invalid request body"):
        notice_of(Body("Coder 1", {"type": "t"}, edge), "Coder 1", NOW)


@pytest.mark.parametrize("plan_file", [None, "", " ", 1, [], "/", "\\", {"a": 1}])
def test_progress_needs_the_file_of_its_plan(plan_file: object) -> None:
    with pytest.raises(Unprocessable, match="missing plan_file"):
        progress_of(notice("progress", plan_file=plan_file), "")


# -- types


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("new-plan", "plan-new"), ("Plan New", "plan-new"), ("progress", "plan-update"), ("plan-update", "plan-update"),
        ("plan-L1-wip", "plan-update"), ("start", "work-start"), ("work_start", "work-start"),
        ("WORK-PROGRESS", "work-progress"), ("finish", "work-finish"), ("work-finish", "work-finish"),
        ("commit", "git-commit"), ("git_commit", "git-commit"), ("prompt-text", "prompt-text"),
        ("prompt-voice-raw", "prompt-voice"), ("agent-turn-complete", "agent-turn-complete"),
        ("agent-turn-began", "agent-turn-complete"), ("whatever", "agent-turn-complete"),
        ("plan", "agent-turn-complete"), ("!", "agent-turn-complete"),
    ],
)  # fmt: skip
def test_types_have_one_name_each(kind: str, name: str) -> None:
    assert canonical(kind) == name


@given(st.text())
def test_every_type_is_one_that_flows_know(kind: str) -> None:
    assert canonical(kind) in KINDS


# -- fields


def test_fields_are_flat_and_the_sessions_own_cannot_be_forged() -> None:
    made = fields_of(
        notice(
            " git-commit ", **{"session_id": "other", "session.id": "other", "timestamp": "x", "agent-id": "x"},
            agent_name="x", Hash=" a1 ", deep={"a": 1}, list=[1], none=None, blank=" ", yes=True, count=3, half=0.5,
            tiny=1e-7, whole=4.0, huge=10**25,
        ),
        "Coder 1",
    )  # fmt: skip
    assert made == {
        "type": "git-commit",
        "timestamp": "2026-03-01T09:15:02.481Z",
        "session_id": "Coder 1",
        "session.id": "Coder 1",
        "notify.type": "git-commit",
        "notify.session_id": "other",
        "notify.session.id": "other",
        **{f"{prefix}{key}": value for prefix in ("", "notify.") for key, value in {
            "hash": " a1 ", "yes": "true", "count": "3", "half": "0.5", "tiny": "0.0000001", "whole": "4",
            "huge": str(10**25),
        }.items()},
    }  # fmt: skip


def test_a_hyphenated_key_is_an_underscored_one_too_and_the_underscored_one_wins() -> None:
    made = fields_of(notice(**{"plan-file": "h.org", "commit-hash": "a", "commit_hash": "b"}), "Coder 1")
    assert (made["plan_file"], made["plan-file"]) == ("h.org", "h.org")
    assert (made["commit_hash"], made["notify.commit_hash"], made["commit-hash"]) == ("b", "b", "a")


def test_an_agents_last_message_is_kept_once() -> None:
    made = fields_of(notice(**{"last-assistant-message": "done"}), "Coder 1")
    assert made["last-assistant-message"] == made["last_assistant_message"] == "done"
    assert not [key for key in made if key.startswith("notify.last")]


def test_an_event_id_is_a_field() -> None:
    made = notice_of(Body("Coder 1", {"type": "t"}, event_id=" e1 "), "Coder 1", NOW)
    assert fields_of(made, "Coder 1")["notify.event_id"] == made.event_id == "e1"


@given(
    st.dictionaries(
        st.text(),
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    )
)
def test_every_field_is_a_text_that_is_not_blank(payload: dict[str, Any]) -> None:
    made = fields_of(notice(**{**payload, "type": "t"}), "Coder 1") if "kind" not in payload else {"a": "b"}
    assert all(isinstance(value, str) and value.strip() for value in made.values())


# -- progress


@pytest.mark.parametrize(
    ("heading", "text"),
    [
        ("** TODO [#A] Do  it ", "Do it"), ("* wip Do", "Do"), ("DONE [#b] Do", "Do"), ("TODO", ""),
        ("Do [#A] it", "Do [#A] it"),
        ("TODOs", "TODOs"), ("*bold* Do", "*bold* Do"), ("Größe 中", "Größe 中"), (1, ""), (None, ""),
    ],
)  # fmt: skip
def test_a_heading_is_its_text(heading: object, text: str) -> None:
    assert progress_of(notice("progress", plan_file="p.org", l1=heading), "").l1 == text


@pytest.mark.parametrize(
    ("level", "number"),
    [(2, 2), (2.0, 2), ("2", 2), (" 2 ", 2), ("two", 0), (True, 0), (-1, 0), (1e300, 0), ("9" * 5000, 0), (None, 0)],
)
def test_a_level_is_a_small_number(level: object, number: int) -> None:
    assert progress_of(notice("progress", plan_file="p.org", task_level=level), "").task_level == number


def test_progress_shows_what_was_said_and_nothing_else() -> None:
    said = notice("progress", **{"plan-file": "C:\\plans\\p.org", "task-level": "1", "task-state": " WIP "})
    made = progress_of(said, "2026-03-01T09:15:02Z")
    assert made.shown() == {
        "has_progress": True, "plan_file": "p.org", "task_level": 1, "task_state": "WIP",
        "updated_at": "2026-03-01T09:15:02Z",
    }  # fmt: skip
    assert normalised({"plan_file": "x/p.org", "l2": "** TODO a", "other": 1}, made) == {
        "plan_file": "p.org", "l2": "", "other": 1,
    }  # fmt: skip
