"""Which worker holds which session, by uid and by id: the part of the directory that every request needs. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from gestalt_contracts.directory import SessionRecord


class Place(Struct, frozen=True):
    """Where a session is. `ended`: only its history is left; `lost`: so it is while its worker is away."""

    uid: str
    id: str
    worker: str
    ended: bool = False
    lost: bool = False
    token_hash: str = ""
    agent: str = ""


def place_of(record: SessionRecord) -> Place:
    """What routing needs of a record."""
    lost = record.status == "lost"
    agent = record.id.rpartition(" ")[0] if record.summary.get("agent_id") else ""
    return Place(
        record.uid, record.id, record.worker, record.ended, lost=lost, token_hash=record.token_hash, agent=agent
    )


class SessionTable:
    """The listed sessions; tombstones are not kept, they are asked for."""

    def __init__(self) -> None:
        self._by_uid: dict[str, Place] = {}
        self._uid_of: dict[str, str] = {}

    def get(self, ref: str) -> Place | None:
        """A session by uid or by id."""
        return self._by_uid.get(ref) or self._by_uid.get(self._uid_of.get(ref, ""))

    def put(self, record: SessionRecord) -> None:
        """Take a record; an ended one leaves the table."""
        if record.ended:
            self.remove(record.uid)
            return
        self._by_uid[record.uid] = place_of(record)
        if not record.name_lost:
            self._uid_of[record.id] = record.uid
        elif self._uid_of.get(record.id) == record.uid:
            del self._uid_of[record.id]

    def remove(self, uid: str) -> None:
        """Forget a session; its id may be another's by now."""
        place = self._by_uid.pop(uid, None)
        if place is not None and self._uid_of.get(place.id) == uid:
            del self._uid_of[place.id]

    def replace(self, records: Iterable[SessionRecord]) -> None:
        """Take the whole list instead of what is here."""
        self._by_uid.clear()
        self._uid_of.clear()
        for record in records:
            self.put(record)
