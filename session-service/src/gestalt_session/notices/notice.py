"""The body of notify, and its refusals that need no session, in the reference's order."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from gestalt_contracts.errors import InvalidRequest, Unprocessable
from gestalt_contracts.events import Cause

Payload = dict[str, Any]
PROGRESS_TYPES = frozenset({"progress", "plan-update"})
"""These, exactly so written, replace the session's plan progress."""


class Body(Struct, forbid_unknown_fields=True):
    """The body as it is sent (reference, sessions §4.12)."""

    session_id: str = ""
    payload: Any | UnsetType = UNSET
    occurred_at: Annotated[datetime, Meta(tz=True)] | None = None
    raw: str | None = None
    event_id: str | None = None


class Notice(Struct, frozen=True):
    """What a hook says. `kind` is the type as it was sent; `event_id` is empty when there is none.

    `cause`: the flow that sent it, if one did.
    """

    kind: str
    payload: Payload
    occurred_at: datetime
    event_id: str = ""
    cause: Cause | None = None

    @property
    def tells_progress(self) -> bool:
        """Whether it replaces the session's plan progress."""
        return self.kind in PROGRESS_TYPES


def notice_of(body: Body, ref: str, now: datetime, cause: Cause | None = None) -> Notice:
    """What `body`, sent to the session `ref`, says. Raises InvalidRequest, Unprocessable."""
    if not body.session_id.strip():
        raise InvalidRequest("missing session id")
    payload, kind = _payload(body.payload)
    if body.session_id.strip() != ref.strip():
        raise InvalidRequest("session id mismatch")
    moment, event_id = _utc(body.occurred_at or now), (body.event_id or "").strip()
    return Notice(kind, with_underscores(payload), moment, event_id, cause)


def _payload(given: object) -> tuple[Payload, str]:
    if given is UNSET:
        raise Unprocessable("missing payload")
    if not isinstance(given, dict):
        raise Unprocessable("payload must be a JSON object")
    kind = given.get("type")
    if not isinstance(kind, str) or not kind.strip():
        raise Unprocessable("missing payload type")
    return given, kind.strip()


def _utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:  # a moment beyond the calendar's ends
        raise InvalidRequest("invalid request body") from None


def with_underscores(payload: Payload) -> Payload:
    """The payload with each hyphenated key under its underscored name as well; what was sent so itself wins."""
    return {key.replace("-", "_"): value for key, value in payload.items()} | payload
