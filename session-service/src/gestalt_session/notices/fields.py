"""The flat fields of a notice: strings, as triggers compare them and templates show them (reference, flow §8)."""

from __future__ import annotations

from decimal import Decimal

from gestalt_contracts.events import rfc3339
from gestalt_session.notices.kinds import canonical
from gestalt_session.notices.notice import Notice

PREFIX = "notify."
SAID_ELSEWHERE = frozenset(
    {"type", "occurred_at", "timestamp", "agent_id", "agent_name", "agent.id", "agent.name"}
    | {"occurred-at", "agent-id", "agent-name"}
)
"""Keys of a payload that are no fields: the session knows better who its agent is."""
WITHOUT_PREFIX = frozenset({"last-assistant-message", "last_assistant_message"})
"""Whole messages of an agent: kept once."""


def fields_of(notice: Notice, session_id: str) -> dict[str, str]:
    """`notify.<key>` for each scalar of the payload, and `<key>` where that is not taken."""
    fields = {
        "type": canonical(notice.kind),
        "timestamp": rfc3339(notice.occurred_at),
        "session_id": session_id,
        "session.id": session_id,
        PREFIX + "type": notice.kind,
    }
    if notice.event_id:
        fields[PREFIX + "event_id"] = notice.event_id
    for name, value in notice.payload.items():
        key, text = name.strip().lower(), _text(value)
        if text.strip() and key and key not in SAID_ELSEWHERE:
            _put(fields, key, text)
    return fields


def _put(fields: dict[str, str], key: str, text: str) -> None:
    if key not in WITHOUT_PREFIX:
        fields[PREFIX + key] = text
    fields.setdefault(key, text)


def _text(value: object) -> str:
    """A scalar as text; empty for what is none."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return str(int(value)) if value.is_integer() else format(Decimal(repr(value)), "f")
    return ""
