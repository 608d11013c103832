"""How events look on the public streams: the reference's keys, plus `id`; topic, actor and cause stay inside. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gestalt_contracts.bus import Entry, Reset
from gestalt_contracts.events import Event, rfc3339

WATCHER_TYPES = frozenset({"file-change", "git-branch", "watch_error"})
SHOWN_TOPICS = frozenset({"terminal", "agent", "config", "file", "git"})
"""What the merged stream carries; notifications have a stream of their own."""
TOLD_WHEN_ASKED = SHOWN_TOPICS | {"flow"}
"""What it carries of the types that a client names: each flow has several events a run."""

Frame = dict[str, Any]


def _terminal(event: Event) -> Frame:
    data = {"data": event.data} if event.data else {}
    return {"session_id": event.session_id, "timestamp": rfc3339(event.occurred_at), **data}


def _agent(event: Event) -> Frame:
    return {"agent_id": event.agent_id, **event.data, "timestamp": rfc3339(event.occurred_at)}


def _plain(event: Event) -> Frame:
    return {**event.data, "timestamp": rfc3339(event.occurred_at)}


_SHAPES: dict[str, Callable[[Event], Frame]] = {"terminal": _terminal, "agent": _agent}


def frame(entry: Entry) -> Frame:
    """The JSON object that a client gets for an event."""
    shape = _SHAPES.get(entry.event.topic, _plain)
    return {"type": entry.event.type, **shape(entry.event), "id": entry.id}


def reset_frame(reset: Reset) -> Frame:
    """What a client is told when its cursor is no longer covered."""
    return {"type": "reset", "reason": reset.reason, "oldest": reset.oldest}
