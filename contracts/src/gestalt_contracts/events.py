"""The event envelope, and the types that the session service publishes.

Consumers ignore unknown fields and skip unknown types, so fields and types are only ever added.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct


class Cause(Struct, frozen=True, omit_defaults=True):
    """What led to an event: the event that fired a flow, and how many flows deep.

    `since`: when the first event of the chain occurred, milliseconds since 1970; 0 when nobody knows. `inferred`: whose
    doing some link of the chain is taken to be, by where a file changed; empty while every link is known.
    """

    event_id: str
    depth: int = 1
    since: int = 0
    inferred: str = ""


class Event(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One thing that happened. Its id is given by the stream, so it travels beside it, not inside.

    `traceparent`: the span that it came of, when that is told.
    `topic` says which public stream shows it: terminal, agent, config, file, git, flow, notify, log, toast.
    """

    type: str
    topic: str
    occurred_at: datetime
    session_id: str | None = None
    session_uid: str | None = None
    agent_id: str | None = None
    data: dict[str, Any] = {}
    actor: str | None = None
    cause: Cause | None = None
    traceparent: str | None = None


TERMINAL_CREATED = "terminal_created"
TERMINAL_CLOSED = "terminal_closed"
TERMINAL_ERROR = "terminal_error"
TERMINAL_RESIZED = "terminal-resized"
TERMINAL_BELL = "terminal_bell"
TERMINAL_UNREACHABLE = "terminal_unreachable"
TERMINAL_LOST = "terminal_lost"
TERMINAL_ACTIVE = "terminal_active"
TERMINAL_IDLE = "terminal_idle"
TERMINAL_TITLE = "terminal_title"
TERMINAL_CWD = "terminal_cwd"
TERMINAL_PROMPT = "terminal_prompt"
PLAN_UPDATE = "plan-update"
AGENTS_HUB_READY = "agents_hub_ready"
AGENT_STARTED = "agent_started"
AGENT_STOPPED = "agent_stopped"
AGENT_ERROR = "agent_error"
CONFIG_VALIDATION_ERROR = "config_validation_error"
FILE_CHANGE = "file-change"
GIT_BRANCH = "git-branch"
WATCH_ERROR = "watch_error"

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Event)


def encode(event: Event) -> bytes:
    """One line of JSON, as it lies in the stream."""
    return _encoder.encode(event)


def decode(raw: bytes) -> Event:
    """The event of a stream entry. Raises msgspec.ValidationError for what is no event."""
    return _decoder.decode(raw)


def now() -> datetime:
    """This moment, UTC."""
    return datetime.now(UTC)


def rfc3339(moment: datetime) -> str:
    """RFC 3339, UTC, `Z`, trailing zeros of the fraction trimmed: the one way times are written."""
    text = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
    return text.rstrip("0").rstrip(".") + "Z"
