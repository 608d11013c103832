"""How workers and sessions lie in Redis, and how changes are told on `summaries`."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from gestalt_contracts.directory import SessionRecord, WorkerRecord
from gestalt_contracts.directory_rules import as_seen, starting

Fields = dict[str, bytes]

_session = msgspec.json.Decoder(SessionRecord)
_worker = msgspec.json.Decoder(WorkerRecord)


class Told(Struct, frozen=True, omit_defaults=True):
    """A message on `summaries`. What a script told has no record in it, only whom to look up."""

    session: SessionRecord | None = None
    removed: str | None = None
    look: str | None = None
    worker: str | None = None
    all: bool = False


_told = msgspec.json.Decoder(Told)


def told_of(message: bytes) -> Told:
    """What a message says; one that cannot be read says: look at everything again."""
    try:
        return _told.decode(message)
    except msgspec.MsgspecError:
        return Told(all=True)


def tell_worker(worker_id: str) -> bytes:
    """The message: look at this worker."""
    return msgspec.json.encode(Told(worker=worker_id))


def fields_of(flat: Sequence[bytes]) -> Fields:
    """The fields of a hash as HGETALL gives them inside a script."""
    return {str(name, "ascii"): value for name, value in zip(flat[::2], flat[1::2], strict=True)}


def process_of(worker: WorkerRecord) -> str:
    """What tells a process from another one that later takes the same slot."""
    return f"{worker.pid}@{worker.host}/{worker.started_at!r}"


def worker_of(lease: bytes, flat: Sequence[bytes]) -> WorkerRecord | None:
    """A worker as its lease and its fields show it; None when its record is gone."""
    fields = fields_of(flat)
    if "record" not in fields:
        return None
    gone_since = fields.get("gone_since")
    return replace(
        _worker.decode(fields["record"]),
        generation=int(fields["generation"]),
        sessions=int(fields["sessions"]),
        journal_bytes=int(fields.get("journal", 0)),
        state=str(fields["state"], "ascii") if lease else "gone",
        seen_at=float(fields["seen_at"]),
        gone_since=None if gone_since is None or lease else float(gone_since),
    )


def session_of(uid: bytes, lease: bytes, flat: Sequence[bytes]) -> SessionRecord:
    """A session as its owner's lease and its fields show it."""
    fields = fields_of(flat)
    record = replace(
        _stored(str(uid, "utf-8"), fields),
        ended="ended" in fields,
        end_requested="end_requested" in fields,
        name_lost="name_lost" in fields,
    )
    return as_seen(record, here=lease == fields["generation"], lost="lost" in fields)


def _stored(uid: str, fields: Fields) -> SessionRecord:
    if "record" in fields:
        return _session.decode(fields["record"])
    return starting(
        uid,
        str(fields["id"], "utf-8"),
        str(fields["worker"], "utf-8"),
        int(fields["generation"]),
        float(fields["created_at"]),
        str(fields.get("token_hash", b""), "ascii"),
    )
