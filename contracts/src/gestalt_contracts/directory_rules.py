"""What both directories say about a session whose owner may be away."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from gestalt_contracts.directory import SessionRecord
from gestalt_contracts.events import rfc3339

TOMBSTONE_SECONDS = 7 * 86_400.0
"""How long a session that a new start replaced can still be found: the retention time of contract §3."""

FORGOTTEN_SECONDS = 7 * 86_400.0
"""How long a session stays listed whose worker never came back: as long as its history would have been kept."""


def as_seen(record: SessionRecord, *, here: bool, lost: bool) -> SessionRecord:
    """The record as others are to see it: its last word, unless its owner is away or somebody ended it.

    `here`: its worker holds a lease and has this session under that lease's generation.
    """
    status = _status(record, here=here, lost=lost)
    if status == record.status:
        return record
    return msgspec.structs.replace(record, status=status, summary={**record.summary, "status": status})


def _status(record: SessionRecord, *, here: bool, lost: bool) -> str:
    if record.ended or (here and record.status == "closed"):
        return record.status
    if record.end_requested:
        return "closing"
    if lost:
        return "lost"
    return record.status if here else "unreachable"


def starting(
    uid: str, session_id: str, worker: str, generation: int, created_at: float, token_hash: str
) -> SessionRecord:
    """The record of a session that exists only as a claim so far."""
    summary = {
        "id": session_id,
        "uid": uid,
        "status": "starting",
        "worker": worker,
        "created_at": rfc3339(datetime.fromtimestamp(created_at, UTC)),
    }
    return SessionRecord(
        uid=uid,
        id=session_id,
        worker=worker,
        generation=generation,
        created_at=created_at,
        status="starting",
        summary=summary,
        token_hash=token_hash,
    )
