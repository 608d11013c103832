"""Runs in Redis: written once, listed by index, trimmed whole (architecture §7)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct, structs
from redis.asyncio import Redis

from gestalt_contracts.channels import FlowNames
from gestalt_contracts.events import Event
from gestalt_contracts.redis_client import away_as
from gestalt_contracts.redis_scripts import Scripts, Word
from gestalt_flow.planning import Plan
from gestalt_flow.records import FAILED, QUEUED, ActivityRecord, Head, Run, moment_of

EVALUATIONS_KEPT = 10_000
"""Events of which it can still be said why a flow did not fire."""
SCAN = 200
"""Runs looked at in one round trip while a filter is applied."""
MOST_SCANNED = 20_000
"""Runs looked at for one page, at the most."""
PACKAGE = "gestalt_flow"

_encode = msgspec.json.encode
_activity = msgspec.json.Decoder(ActivityRecord)
_head = msgspec.json.Decoder(Head)


class RunsUnavailable(Exception):
    """Redis cannot be asked now."""


class Spent(Struct, frozen=True):
    """The timer that a run comes from: what it was, and what it is after it (nothing: gone)."""

    id: str
    was: str
    due: int | None = None
    then: str = ""


class Evaluation(Struct, frozen=True, omit_defaults=True):
    """An event that some flow did not fire on. `held`: flows that matched and were held back, and by what."""

    bus_id: str
    event: Event
    revision: str = ""
    held: dict[str, str] = {}


class Runs:
    """All runs of one Gestalt."""

    def __init__(self, client: Redis, names: FlowNames) -> None:
        self._client = client
        self._names = names
        self._scripts = Scripts(client, PACKAGE)
        self._prefix = names.key("")

    async def create(self, plan: Plan, now: int, spent: Spent | None = None) -> str:
        """Write a run and queue its activities, once however often it is asked.

        The answer: created, known, or why not: spent (another replica was faster), cooldown, throttle.
        """
        names, gates = self._names, plan.gates
        keys = [names.run(plan.id), names.runs, names.ready, names.cooldown(gates.group)]
        keys += [names.throttle(gates.group), names.timers, names.timer]
        indexes = _indexes(plan.head)
        activities = [
            [_encode(record).decode(), order] for record, order in zip(plan.activities, plan.orders, strict=True)
        ]
        arguments: list[Word] = [
            plan.id,
            now,
            self._prefix,
            _encode(_fields(plan, indexes, now)),
            _encode([*indexes, ["status", plan.status]]),
            _encode(activities),
            *(gates.cooldown, gates.limit, gates.window),
            *(_spending(spent)),
        ]
        with away_as(RunsUnavailable):
            answer = await self._scripts.run("create", keys, arguments)
        return str(answer, "ascii")

    async def get(self, run_id: str) -> Run | None:
        """One run, whole."""
        with away_as(RunsUnavailable):
            found: Any = await self._client.hgetall(self._names.run(run_id))
        return _run(run_id, found) if found else None

    async def page(
        self, *, filters: dict[str, str], limit: int, before: str | None = None
    ) -> tuple[list[Run], str | None]:
        """Runs that fit all filters, newest first, and where the next page begins.

        Filters: status, trigger, session, event, type.
        """
        found: list[Run] = []
        looked = 0
        key = self._narrowest(filters)
        end = f"({before}" if before else "+"
        while looked < MOST_SCANNED:
            with away_as(RunsUnavailable):
                ids: Any = await self._client.zrevrangebylex(key, end, "-", start=0, num=SCAN)
                runs = await self._read([str(raw, "ascii") for raw in ids])
            for run in runs:
                if _fits(run, filters):
                    if len(found) == limit:
                        return found, found[-1].id
                    found.append(run)
            looked += len(ids)
            if len(ids) < SCAN:
                return found, None
            end = f"({str(ids[-1], 'ascii')}"
        return found, str(ids[-1], "ascii")

    def _narrowest(self, filters: dict[str, str]) -> str:
        for what in ("event", "session", "trigger", "status"):
            if what in filters:
                return self._names.runs_by(what, filters[what])
        return self._names.runs

    async def _read(self, ids: Sequence[str]) -> list[Run]:
        pipe = self._client.pipeline(transaction=False)
        for run_id in ids:
            pipe.hgetall(self._names.run(run_id))
        found = await pipe.execute() if ids else []
        return [_run(run_id, fields) for run_id, fields in zip(ids, found, strict=True) if fields]

    async def retry(self, run: Run, claim: str = "") -> int:
        """Queue the failed activities of a run again; how many, -1 when it is not failed (any more).

        `claim` is kept with the run, as its `retried`.
        """
        again: list[Word] = []
        for place, record in enumerate(run.activities):
            if record.status == FAILED:
                fresh = structs.replace(record, status=QUEUED, budget_from=len(record.attempts), waiting_since=None)
                again += [place, _encode(fresh)]
        if not again:
            return -1
        keys = [self._names.run(run.id), self._names.ready]
        arguments: list[Word] = [run.id, self._prefix, run.finished_at or "", claim, *again]
        with away_as(RunsUnavailable):
            return int(await self._scripts.run("retry", keys, arguments))

    async def trim(self, *, oldest: int, most: int, at_once: int = 500) -> int:
        """Forget finished runs from before `oldest` (milliseconds) or beyond the newest `most`; how many."""
        arguments: list[Word] = [self._prefix, f"{max(oldest, 0):013d}", most, at_once]
        with away_as(RunsUnavailable):
            return int(await self._scripts.run("trim", [self._names.runs], arguments))

    # -- why not

    async def note(self, evaluations: Sequence[Evaluation]) -> None:
        """Keep events for the question why a flow did not fire."""
        pipe = self._client.pipeline(transaction=False)
        for evaluation in evaluations:
            entry: Any = {"e": _encode(evaluation)}
            pipe.xadd(self._names.evaluations, entry, maxlen=EVALUATIONS_KEPT, approximate=True)
        with away_as(RunsUnavailable):
            await pipe.execute()

    async def evaluations(self, before: str | None, count: int) -> list[tuple[str, Evaluation]]:
        """Kept evaluations with their ids, newest first."""
        end = f"({before}" if before else "+"
        with away_as(RunsUnavailable):
            found: Any = await self._client.xrevrange(self._names.evaluations, end, "-", count=count)
        return [(str(id_, "ascii"), msgspec.json.decode(fields[b"e"], type=Evaluation)) for id_, fields in found]

    async def oldest_evaluation(self) -> float | None:
        """When the oldest event was published that is kept so, seconds."""
        with away_as(RunsUnavailable):
            found: Any = await self._client.xrange(self._names.evaluations, count=1)
        return int(found[0][0].partition(b"-")[0]) / 1000 if found else None

    async def evaluation(self, id_: str) -> Evaluation | None:
        """One of them."""
        with away_as(RunsUnavailable):
            found: Any = await self._client.xrange(self._names.evaluations, id_, id_, count=1)
        return msgspec.json.decode(found[0][1][b"e"], type=Evaluation) if found else None


def _spending(spent: Spent | None) -> tuple[Word, ...]:
    if spent is None:
        return ("", "", "", "")
    return (spent.id, spent.was, "" if spent.due is None else spent.due, spent.then)


def _indexes(head: Head) -> list[list[str]]:
    named = [["trigger", head.trigger_id], ["event", head.event_id]]
    return [*named, ["session", head.session_id]] if head.session_id else named


def _fields(plan: Plan, indexes: list[list[str]], now: int) -> dict[str, Any]:
    over = {} if plan.activities else {"finished": str(now)}
    return {
        "head": _encode(plan.head).decode(),
        "status": plan.status,
        "left": str(len(plan.activities)),
        "indexes": _encode(indexes).decode(),
        **over,
    }


def _run(run_id: str, fields: dict[bytes, bytes]) -> Run:
    places = sorted(int(name[2:]) for name in fields if name.startswith(b"a:"))
    return Run(
        id=run_id,
        status=str(fields[b"status"], "ascii"),
        head=_head.decode(fields[b"head"]),
        started_at=moment_of(run_id),
        finished_at=int(fields[b"finished"]) if b"finished" in fields else None,
        retried=str(fields.get(b"retried", b""), "ascii"),
        activities=tuple(_activity.decode(fields[b"a:%d" % place]) for place in places),
    )


def _fits(run: Run, filters: dict[str, str]) -> bool:
    facts = {
        "status": run.status,
        "trigger": run.head.trigger_id,
        "session": run.head.session_id or "",
        "event": run.head.event_id,
        "type": run.head.event.type,
    }
    return all(facts[what] == wanted for what, wanted in filters.items())
