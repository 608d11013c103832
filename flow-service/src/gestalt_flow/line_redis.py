"""The line of activities: ready ones in a stream, delayed ones by their time, held under a lease that is renewed.

It knows attempts, not flows. Nothing here waits for an activity; `executor` does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import msgspec
from msgspec import Struct
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from gestalt_contracts.channels import FlowNames
from gestalt_contracts.redis_client import away_as
from gestalt_contracts.redis_scripts import Scripts, Word
from gestalt_flow.groups_redis import forget_silent
from gestalt_flow.records import ActivityRecord, Head
from gestalt_flow.runs_redis import PACKAGE, RunsUnavailable

GROUP = "executors"
LEASE_MS = 5_000
"""How long an activity belongs to an executor that says nothing."""
RENEW_SECONDS = LEASE_MS / 3_000
LOOK_SECONDS = 1.25
"""How often somebody looks for what the dead held: with the lease, it is taken over within 6.25 s."""
WAIT_SECONDS = 10.0
"""The longest wait for something new. It comes at once; an idle replica should sleep."""


class Held(Struct, frozen=True):
    """An activity that this executor holds: its entry in the stream, its run and its place there."""

    entry: str
    run_id: str
    place: int

    @property
    def job(self) -> str:
        """Its name in the line."""
        return f"{self.run_id}/{self.place}"


class Begun(Struct, frozen=True):
    """What an attempt starts from. `interrupted_at`: attempts that began then were never ended.

    `is_first`: the run begins with it.
    """

    head: Head
    record: ActivityRecord
    interrupted_at: tuple[int, ...]
    is_first: bool


class Due(Struct, frozen=True):
    """A timer whose time has come."""

    id: str
    due: int
    raw: str


class Line:
    """The line, as one executor (`consumer`) sees it. `patient` is a client for calls that wait."""

    def __init__(self, client: Redis, patient: Redis, names: FlowNames, consumer: str) -> None:
        self._client = client
        self._patient = patient
        self._names = names
        self._scripts = Scripts(client, PACKAGE)
        self._consumer = consumer
        self._prefix = names.key("")
        self.sooner = asyncio.Event()  # something of ours may be due before what we know of

    async def open(self) -> None:
        """Make the group, at 0: what was queued before the first executor is not missed."""
        with away_as(RunsUnavailable), suppress(ResponseError):
            await self._client.xgroup_create(self._names.ready, GROUP, "0", mkstream=True)

    async def take_over(self, most: int) -> list[Held]:
        """Activities whose executor has said nothing for a lease."""
        with away_as(RunsUnavailable):
            answer: Any = await self._client.xautoclaim(
                self._names.ready, GROUP, self._consumer, LEASE_MS, "0-0", count=most
            )
        return _held(answer[1])

    async def take(self, most: int) -> list[Held]:
        """New activities; none after WAIT_SECONDS."""
        with away_as(RunsUnavailable):
            answer: Any = await self._patient.xreadgroup(
                GROUP, self._consumer, {self._names.ready: ">"}, count=most, block=int(WAIT_SECONDS * 1000)
            )
        return _held(answer[0][1]) if answer else []

    async def renew(self, held: Sequence[Held]) -> list[str]:
        """Keep what is held; the entries that are another's by now."""
        arguments: list[Word] = [GROUP, self._consumer, *(one.entry for one in held)]
        with away_as(RunsUnavailable):
            lost = await self._scripts.run("hold", [self._names.ready], arguments)
        return [str(entry, "ascii") for entry in lost]

    async def give_back(self, held: Sequence[Held]) -> None:
        """Let others have what was not begun."""
        words = [word for one in held for word in (one.entry, one.job)]
        with away_as(RunsUnavailable):
            await self._scripts.run("give_back", [self._names.ready], [GROUP, self._consumer, *words])

    async def forget_silent(self, seconds: float) -> None:
        """Let go of the names of replicas that hold nothing and have long been silent."""
        with away_as(RunsUnavailable):
            await forget_silent(self._client, self._names.ready, GROUP, seconds)

    async def start(self, held: Held, now: int) -> Begun | None:
        """Begin an attempt; None when it is not ours (any more)."""
        names = self._names
        keys = [names.ready, names.run(held.run_id), names.runs]
        arguments: list[Word] = [GROUP, self._consumer, held.entry, held.place, now, held.run_id, self._prefix]
        with away_as(RunsUnavailable):
            answer = await self._scripts.run("start", keys, arguments)
        if answer[0] != b"yours":
            return None
        _, head, record, before, begins = answer
        return Begun(
            msgspec.json.decode(head, type=Head),
            msgspec.json.decode(record, type=ActivityRecord),
            tuple(int(moment) for moment in before.split(b",") if moment),
            bool(begins),
        )

    async def keep(self, held: Held, record: ActivityRecord) -> bool:
        """Write down what an attempt has found out so far; False when it is another's by now."""
        keys = [self._names.ready, self._names.run(held.run_id)]
        arguments: list[Word] = [GROUP, self._consumer, held.entry, held.place, msgspec.json.encode(record)]
        with away_as(RunsUnavailable):
            return bool(await self._scripts.run("keep", keys, arguments))

    async def finish(self, held: Held, outcome: str, record: ActivityRecord, *, now: int, due: int = 0) -> str | None:
        """End an attempt: done, failed, again (at `due`), or wait (likewise, keeping its place for its session).

        None when it is another's by now; else the status of a run that ended with it, or ''.
        """
        names = self._names
        keys = [names.ready, names.run(held.run_id), names.delayed]
        arguments: list[Word] = [GROUP, self._consumer, held.entry, held.place, held.run_id, self._prefix]
        arguments += [outcome, msgspec.json.encode(record), due, now]
        with away_as(RunsUnavailable):
            answer = str(await self._scripts.run("finish", keys, arguments), "ascii")
        if due:
            self.sooner.set()
        return None if answer == "lost" else answer

    async def due(self, now: int, most: int = 100) -> tuple[list[Due], int | None]:
        """Put activities whose pause is over in the line; the timers that are due, and when more will be."""
        names = self._names
        keys = [names.delayed, names.ready, names.timers, names.timer]
        with away_as(RunsUnavailable):
            answer = await self._scripts.run("due", keys, [now, most])
        following, *words = (str(word, "utf-8") for word in answer)
        timers = [Due(*three) for three in zip(words[::3], map(_whole, words[1::3]), words[2::3], strict=True)]
        return timers, _whole(following) if following else None

    # -- timers

    async def arm(self, timer: str, due: int, at: int, raw: bytes) -> None:
        """Set a timer, unless a later event has set it."""
        with away_as(RunsUnavailable):
            await self._scripts.run("arm", [self._names.timers, self._names.timer], [timer, due, at, raw])
        self.sooner.set()

    async def disarm(self, timer: str, at: int) -> None:
        """End a wait that began before `at`."""
        with away_as(RunsUnavailable):
            await self._scripts.run("disarm", [self._names.timers, self._names.timer], [timer, at])

    async def spend(self, timer: str, was: str, due: int | None = None, then: str = "") -> bool:
        """Replace a timer (or take it away) if it still is what it `was` ('': whatever it is)."""
        keys = [self._names.timers, self._names.timer]
        with away_as(RunsUnavailable):
            spent = await self._scripts.run("spend", keys, [timer, was, "" if due is None else due, then])
        self.sooner.set()
        return bool(spent)

    async def timer(self, timer: str) -> str | None:
        """What a timer is about."""
        with away_as(RunsUnavailable):
            found: Any = await self._client.hget(self._names.timer, timer)
        return str(found, "utf-8") if found is not None else None


def _held(entries: list[Any]) -> list[Held]:
    jobs = [(str(id_, "ascii"), str(fields[b"job"], "ascii")) for id_, fields in entries if fields]
    return [Held(entry, job.rpartition("/")[0], int(job.rpartition("/")[2])) for entry, job in jobs]


def _whole(text: str) -> int:
    return int(float(text))
