"""The intake: events that flows have not looked at yet, read by a group that replicas share."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import msgspec
import structlog
from msgspec import Struct
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from gestalt_contracts.channels import INTAKE_GROUP, Names
from gestalt_contracts.events import Event, decode
from gestalt_contracts.redis_client import away_as
from gestalt_flow.groups_redis import forget_silent
from gestalt_flow.line_redis import WAIT_SECONDS
from gestalt_flow.runs_redis import RunsUnavailable

LEASE_MS = 5_000
"""A batch takes milliseconds: a replica that holds one so long is dead or stands still. Twice is harmless."""

log = structlog.get_logger()


class Arrived(Struct, frozen=True):
    """An entry of the intake. `event` None: what lies there is no event."""

    entry: str
    bus_id: str
    event: Event | None


class Intake:
    """The intake as one replica (`consumer`) sees it. `patient` is a client for calls that wait."""

    def __init__(self, client: Redis, patient: Redis, names: Names, consumer: str) -> None:
        self._client = client
        self._patient = patient
        self._names = names
        self._consumer = consumer

    async def open(self) -> None:
        """Make the group, should nobody have published yet."""
        with away_as(RunsUnavailable), suppress(ResponseError):
            await self._client.xgroup_create(self._names.intake, INTAKE_GROUP, "0", mkstream=True)

    async def take_over(self, most: int) -> list[Arrived]:
        """Entries of replicas that died over them."""
        with away_as(RunsUnavailable):
            answer: Any = await self._client.xautoclaim(
                self._names.intake, INTAKE_GROUP, self._consumer, LEASE_MS, "0-0", count=most
            )
        return _arrived(answer[1])

    async def take(self, most: int) -> list[Arrived]:
        """New entries; none after WAIT_SECONDS."""
        with away_as(RunsUnavailable):
            answer: Any = await self._patient.xreadgroup(
                INTAKE_GROUP, self._consumer, {self._names.intake: ">"}, count=most, block=int(WAIT_SECONDS * 1000)
            )
        return _arrived(answer[0][1]) if answer else []

    async def done(self, entries: Sequence[str]) -> None:
        """These are looked at; nobody needs them any more."""
        pipe = self._client.pipeline(transaction=False)
        pipe.xack(self._names.intake, INTAKE_GROUP, *entries)
        pipe.xdel(self._names.intake, *entries)
        with away_as(RunsUnavailable):
            await pipe.execute()

    async def oldest(self) -> int | None:
        """When the oldest event was published that nobody has finished looking at, milliseconds."""
        with away_as(RunsUnavailable):
            found: Any = await self._client.xrange(self._names.intake, count=1)
        return int(found[0][0].partition(b"-")[0]) if found else None

    async def forget_silent(self, seconds: float) -> None:
        """Let go of the names of replicas that hold nothing and have long been silent."""
        with away_as(RunsUnavailable):
            await forget_silent(self._client, self._names.intake, INTAKE_GROUP, seconds)


def _arrived(entries: list[Any]) -> list[Arrived]:
    return [_one(str(id_, "ascii"), fields) for id_, fields in entries if fields]


def _one(entry: str, fields: dict[bytes, bytes]) -> Arrived:
    bus_id = str(fields.get(b"id", b""), "ascii") or entry
    try:
        return Arrived(entry, bus_id, decode(fields[b"event"]))
    except (msgspec.MsgspecError, KeyError, RecursionError) as error:
        log.warning("an entry of the intake is no event", entry=entry, error=str(error))
        return Arrived(entry, bus_id, None)
