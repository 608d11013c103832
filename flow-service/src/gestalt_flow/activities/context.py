"""What an activity knows while it is done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from msgspec import Struct, structs

from gestalt_flow.catalogue import BY_ID
from gestalt_flow.fields import fields_of
from gestalt_flow.records import ActivityRecord, Head


class Context(Struct):
    """One attempt. `key` is the same for every attempt: `<event>/<trigger>/<activity>`; `unique` names the run too.

    `record` is the activity as it is known at this moment; `keep` writes it down.
    """

    run_id: str
    head: Head
    record: ActivityRecord
    environment: Mapping[str, str]
    keep: Callable[[ActivityRecord], Awaitable[None]]

    @property
    def key(self) -> str:
        """What receivers tell repeats by (contract §6)."""
        return "/".join(part.strip() for part in (self.head.event_id, self.head.trigger_id, self.record.activity_id))

    @property
    def unique(self) -> str:
        """Likewise, for our own services: ids of events may be given twice by different sessions."""
        return f"flow/{self.run_id}/{self.record.activity_id}"

    def value(self, key: str) -> Any:
        """A configured value, or its default."""
        given = self.record.config.get(key)
        field = BY_ID[self.record.activity_id].field(key)
        return given if given is not None or field is None else field.default

    def text(self, key: str) -> str:
        """A configured string, trimmed."""
        return str(self.value(key) or "").strip()

    def rendered(self, key: str) -> str:
        """A template, filled in."""
        return self.record.rendered.get(key, "")

    async def settle(self, key: str, text: str) -> None:
        """From now on, whoever tries gives exactly this text: receivers tell repeats by their key.

        Raises Failed, RunsUnavailable.
        """
        record = self.record
        rendered = {**record.rendered, key: text}
        self.record = structs.replace(record, rendered=rendered, settled=tuple({*record.settled, key}))
        await self.keep(self.record)

    def is_settled(self, key: str) -> bool:
        """Whether an earlier attempt has said what is given."""
        return key in self.record.settled

    @property
    def event(self) -> dict[str, str]:
        """The event's fields."""
        return fields_of(self.head.event)

    @property
    def event_json(self) -> dict[str, Any]:
        """What a webhook without a body template sends."""
        ids = {"event_id": self.head.event_id, "trigger_id": self.head.trigger_id}
        return {**ids, "activity_id": self.record.activity_id, "event": self.event}
