"""How runs and dry runs look in the API. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from msgspec import structs

from gestalt_contracts.events import Event, now, rfc3339
from gestalt_flow.conditions import Verdict
from gestalt_flow.fields import fields_of
from gestalt_flow.matching import Index, Matcher
from gestalt_flow.planning import Seen, activity, seen
from gestalt_flow.records import FAILED, QUEUED, UNMATCHED, ActivityRecord, Attempt, Run, run_id_of
from gestalt_flow.runs_redis import Evaluation
from gestalt_flow.templates import for_agent, for_shell


def moment(milliseconds: int) -> str:
    """RFC 3339."""
    return rfc3339(datetime.fromtimestamp(milliseconds / 1000, UTC))


def run_shown(run: Run) -> dict[str, Any]:
    """A run in the list."""
    head = run.head
    shown: dict[str, Any] = {
        "id": run.id,
        "status": run.status,
        "event_id": head.event_id,
        "event_type": head.event.type,
        "trigger_id": head.trigger_id,
        "session_id": head.session_id,
        "started_at": moment(run.started_at),
        "finished_at": moment(run.finished_at) if run.finished_at else None,
        "revision": head.revision,
        "depth": head.depth,
    }
    error = head.error or "; ".join(_troubles(run))
    return shown | ({"error": error} if error else {})


def _troubles(run: Run) -> Iterator[str]:
    """What the last attempt of each activity that has not succeeded yet failed with."""
    for record in run.activities:
        if record.status in {QUEUED, FAILED} and record.attempts and record.attempts[-1].error:
            yield f"{record.activity_id}: {record.attempts[-1].error}"


def run_whole(run: Run) -> dict[str, Any]:
    """A run by itself."""
    cause = run.head.event.cause
    return run_shown(run) | {
        "event": fields_of(run.head.event),
        "cause": structs.asdict(cause) if cause else None,
        "conditions": verdicts_shown(run.head.conditions),
        "activities": [_activity_shown(record) for record in run.activities],
    }


def verdicts_shown(verdicts: tuple[Verdict, ...] | list[Verdict]) -> list[dict[str, Any]]:
    """Each condition and what it said; a group has its own conditions' verdicts in `of`."""
    return [
        {
            "field": verdict.field,
            "op": verdict.op,
            "expected": verdict.expected,
            "actual": verdict.actual,
            "matched": verdict.matched,
            **({"of": verdicts_shown(verdict.of)} if verdict.of else {}),
        }
        for verdict in verdicts
    ]


def _activity_shown(record: ActivityRecord) -> dict[str, Any]:
    return {
        "activity_id": record.activity_id,
        "status": record.status,
        "rendered": rendered_shown(record),
        "attempts": [_attempt_shown(attempt) for attempt in record.attempts],
        "result": record.result,
    }


def rendered_shown(record: ActivityRecord) -> dict[str, Any]:
    """What an activity is given: filled-in templates, and the values beside them. Secrets stay references."""
    fence = for_agent if record.activity_id == "spawn_agent_session" else for_shell
    texts = {key: text if key in record.settled else fence(text) for key, text in record.rendered.items()}
    return {**record.config, **texts}


def _attempt_shown(attempt: Attempt) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "started_at": moment(attempt.started_at),
        "duration_ms": attempt.duration_ms,
        "status_code": attempt.status_code,
        "error": attempt.error,
    }
    return shown | ({"interrupted": True} if attempt.interrupted else {})


def unmatched_of(bus_id: str, evaluation: Evaluation, index: Index) -> Iterator[dict[str, Any]]:
    """Why each flow of an event's type did not fire on it. `index`: the flows of that time."""
    what = seen(evaluation.event, evaluation.bus_id)
    for matcher in index.of_type(evaluation.event.type):
        verdicts = matcher.verdicts(what.fields)
        reason = evaluation.held.get(matcher.flow.id)
        if reason is None and all(verdict.matched for verdict in verdicts):
            continue
        digest = run_id_of(what.moment, what.sequence, matcher.flow.id).rpartition("-")[2]
        yield {
            "id": f"{UNMATCHED}{bus_id}-{digest}",
            "status": "held" if reason else "not_matched",
            "event_id": what.event_id,
            "event_type": evaluation.event.type,
            "trigger_id": matcher.flow.id,
            "session_id": evaluation.event.session_id,
            "started_at": moment(what.moment),
            "revision": evaluation.revision,
            **({"error": f"held back by its {reason}"} if reason else {}),
            "conditions": verdicts_shown(verdicts),
        }


def tried(index: Index, what: Seen) -> list[dict[str, Any]]:
    """A dry run: every trigger, its verdicts, and what its activities would be given."""
    return [_tried(matcher, what) for matcher in index.all]


def _tried(matcher: Matcher, what: Seen) -> dict[str, Any]:
    verdicts = matcher.verdicts(what.fields)
    if not matcher.flow.trigger.is_enabled:
        verdicts.append(Verdict("enabled", "eq", expected=True, actual="false", matched=False))
    matched = all(verdict.matched for verdict in verdicts)
    records = [activity(binding, matcher.flow.id, what) for binding in matcher.flow.bindings] if matched else []
    return {
        "trigger_id": matcher.flow.id,
        "matched": matched,
        "conditions": verdicts_shown(verdicts),
        "activities": [{"activity_id": record.activity_id, "rendered": rendered_shown(record)} for record in records],
    }


def event_of(given: dict[str, Any]) -> Event:
    """The event that a dry run describes: flat fields, or fields below `data`.

    Raises ValueError, KeyError, TypeError for what describes none.
    """
    told = {key.strip().lower(): value for key, value in given.items()}
    kind = told.pop("type")
    if not isinstance(kind, str) or not kind.strip():
        raise ValueError("an event has a type")
    timestamp = told.pop("timestamp", None) or told.pop("occurred_at", None)
    data = told.pop("data", None) or {}
    if not isinstance(data, dict):
        raise TypeError("data is an object")
    session = told.get("session_id") or told.get("session.id") or None
    if session is not None:
        told |= {"session_id": session, "session.id": session}
    return Event(
        type=kind.strip(),
        topic="notify",
        occurred_at=_time(timestamp),
        session_id=session if isinstance(session, str) else None,
        data={**data, **{f"data.{key}": value for key, value in data.items()}, **told},
    )


def _time(given: Any) -> datetime:
    if given is None:
        return now()
    found = datetime.fromisoformat(str(given))
    return found if found.tzinfo else found.replace(tzinfo=UTC)
