"""Notifications: one message for each notify call or toast, from their own stream, which logs cannot forge."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response

from gestalt_contracts.bus import BusUnavailable, Entry, Reset
from gestalt_contracts.channels import Stream
from gestalt_contracts.errors import Unavailable
from gestalt_contracts.events import rfc3339
from gestalt_contracts.following import follow
from gestalt_telemetry.routes.frames import PING, PING_SECONDS, RETRY, event, resumed_after, sse
from gestalt_telemetry.routes.state import Resources

router = APIRouter()
LEVELS = {"info": "info", "warning": "warning", "warn": "warning", "error": "error", "debug": "info"}
MESSAGES = ("message", "notify.message", "title", "notify.type", "type")


@router.get("/api/notifications/stream")
async def notification_stream(request: Request, state: Resources) -> Response:
    """What people are to see, from now on, or from where the client was."""
    items = follow(state["bus"], Stream.NOTIFICATIONS, resumed_after(request), state["stopping"], pulse=PING_SECONDS)
    try:
        await anext(items)
    except BusUnavailable:
        raise Unavailable("notification stream unavailable", headers={"Retry-After": "1"}) from None
    return sse(_events(items))


async def _events(items: AsyncIterator[Entry | Reset | None]) -> AsyncIterator[bytes]:
    yield RETRY
    async for item in items:
        if item is None:
            yield PING
        elif isinstance(item, Reset):
            reset = {"type": "reset", "reason": item.reason, "oldest": item.oldest}
            yield event(msgspec.json.encode(reset))
        else:
            yield event(msgspec.json.encode(notification(item)), item.id)


def notification(entry: Entry) -> dict[str, Any]:
    """The message of an entry."""
    found = entry.event
    data = found.data
    named = str(data.get("notify.level") or data.get("level") or "info").lower()
    shown: dict[str, Any] = {
        "type": str(data.get("notify.type") or data.get("type") or found.type or "toast"),
        "level": LEVELS.get(named, "info"),
        "message": next((str(data[key]) for key in MESSAGES if data.get(key)), "notification"),
        "timestamp": rfc3339(found.occurred_at),
        "id": entry.id,
    }
    if found.session_id:
        shown["session_id"] = found.session_id
    event_id = data.get("notify.event_id") or data.get("event_id")
    return shown | ({"event_id": str(event_id)} if event_id else {})
