"""What hooks of agents say: read, checked as the server will, and delivered."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from gestalt_cli.api import ANSWER_SECONDS, NOT_FOUND, Refused, Server, segment, send
from gestalt_cli.errors import CommandFailed
from gestalt_cli.stdin import read

STDIN = "-"
INVALID = 5
"""Exit code for a payload that is none."""


def payload_of(text: str) -> dict[str, Any]:
    """The object given as text, or on stdin for `-`. Raises CommandFailed."""
    if text == STDIN:
        text = read(exit_code=INVALID).decode(errors="replace")
    try:
        payload = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CommandFailed(f"the payload is not JSON: {error}", exit_code=INVALID) from None
    if not isinstance(payload, dict):
        raise CommandFailed("payload must be a JSON object", exit_code=INVALID)
    kind = payload.get("type")
    if not isinstance(kind, str) or not kind.strip():
        raise CommandFailed("missing payload type", exit_code=INVALID)
    return payload


def notice(session: str, payload: dict[str, Any], event_id: str = "") -> dict[str, Any]:
    """The body of notify; `occurred_at` is the payload's own time, if it has one."""
    times = [payload.get("occurred_at"), payload.get("timestamp")]
    occurred = next((text for text in times if isinstance(text, str) and is_rfc3339(text)), None)
    body = {"session_id": session, "occurred_at": occurred, "event_id": event_id}
    return {key: value for key, value in body.items() if value} | {"payload": payload}


def is_rfc3339(text: str) -> bool:
    """Whether it is a date and a time with a zone."""
    try:
        return datetime.fromisoformat(text).tzinfo is not None and "T" in text.upper()
    except ValueError:
        return False


def deliver(server: Server, body: dict[str, Any], timeout: float = ANSWER_SECONDS) -> bool:
    """Deliver a notice; False: no such session. Raises Unreachable or Refused."""
    path = f"/api/sessions/{segment(body['session_id'])}/notify"
    try:
        send(server, "POST", path, json.dumps(body).encode(), {"Content-Type": "application/json"}, timeout)
    except Refused as refusal:
        if refusal.status == NOT_FOUND:
            return False
        raise
    return True
