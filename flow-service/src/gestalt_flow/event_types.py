"""The event types that user interfaces suggest: the reference's in its order, then the others the bus carries."""

from __future__ import annotations

from gestalt_contracts import events
from gestalt_flow.model import SCHEDULED, SUGGESTED_TYPES

EVENT_TYPES: tuple[str, ...] = (
    *SUGGESTED_TYPES,
    events.TERMINAL_CREATED,
    events.TERMINAL_CLOSED,
    events.TERMINAL_ERROR,
    events.TERMINAL_RESIZED,
    events.TERMINAL_BELL,
    events.TERMINAL_ACTIVE,
    events.TERMINAL_IDLE,
    events.TERMINAL_TITLE,
    events.TERMINAL_CWD,
    events.TERMINAL_PROMPT,
    events.TERMINAL_UNREACHABLE,
    events.TERMINAL_LOST,
    events.AGENT_STARTED,
    events.AGENT_STOPPED,
    events.AGENT_ERROR,
    events.AGENTS_HUB_READY,
    events.CONFIG_VALIDATION_ERROR,
    SCHEDULED,
)
