"""Looks at every event once: what it leads to is written down before the event leaves the intake."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import msgspec
import structlog
from msgspec import Struct

from gestalt_flow.clock import now_ms
from gestalt_flow.doings_redis import Doings
from gestalt_flow.flows import Flows
from gestalt_flow.folder import FolderFailed
from gestalt_flow.intake_redis import Arrived, Intake
from gestalt_flow.line_redis import LOOK_SECONDS, Line
from gestalt_flow.matching import Index
from gestalt_flow.planning import Outcome, Plan, Seen, Waits, outcome_of, seen
from gestalt_flow.revisions_redis import Revisions
from gestalt_flow.runs_redis import Evaluation, Runs, RunsUnavailable
from gestalt_flow.traces import Traces

BATCH = 100
RECOVER_SECONDS = 0.5

Stopped = Callable[[Plan], None]
log = structlog.get_logger()


class Looked(Struct, frozen=True):
    """An event of a batch, and what it leads to."""

    what: Seen
    bus_id: str
    outcome: Outcome


class Consumer:
    """One replica's. `stopped` is called for a run that was not begun because its causes are a loop."""

    def __init__(  # noqa: PLR0913 - all that an event is looked at with
        self,
        intake: Intake,
        flows: Flows,
        runs: Runs,
        revisions: Revisions,
        line: Line,
        doings: Doings,
        stopped: Stopped,
        *,
        deepest_cause: int,
        traces: Traces,
    ) -> None:
        self._doings = doings
        self._intake = intake
        self._flows = flows
        self._runs = runs
        self._revisions = revisions
        self._line = line
        self._stopped = stopped
        self._deepest = deepest_cause
        self._traces = traces
        self._taking = asyncio.Lock()

    async def run(self) -> None:
        """Work until cancelled. Redis or the folder away: wait."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._forever(self._look))
            tasks.create_task(self._forever(self._step))

    async def _forever(self, step: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await step()
            except (RunsUnavailable, FolderFailed) as error:
                log.warning("events wait", error=str(error))
                await asyncio.sleep(RECOVER_SECONDS)
            except Exception:
                log.exception("events cannot be looked at")
                await asyncio.sleep(RECOVER_SECONDS)
                await self._reopen()

    async def _reopen(self) -> None:
        """A Redis that was emptied has no group any more."""
        try:
            await self._intake.open()
        except RunsUnavailable as error:
            log.warning("Redis is away", error=str(error))

    async def _look(self) -> None:
        """What the dead held, then a pause; after a full batch there may be more."""
        arrived = await self._intake.take_over(BATCH)
        async with self._taking:
            await self._take(arrived)
        if len(arrived) < BATCH:
            await asyncio.sleep(LOOK_SECONDS)

    async def _step(self) -> None:
        arrived = await self._intake.take(BATCH)
        async with self._taking:
            await self._take(arrived)

    async def _take(self, arrived: Sequence[Arrived]) -> None:
        if not arrived:
            return
        index, revision = await self._flows.current()
        explained = await self._doings.explained(arrived)
        looked = [self._looked_at(entry, index, revision) for entry in explained]
        notes = await self._write([one for one in looked if one is not None], revision)
        if notes:
            await self._revisions.keep(revision, index)
            await self._runs.note(notes)
        await self._intake.done([entry.entry for entry in arrived])

    def _looked_at(self, entry: Arrived, index: Index, revision: str) -> Looked | None:
        """What an event leads to. One that cannot be understood must not stop those behind it."""
        if entry.event is None:
            return None
        try:
            what = seen(entry.event, entry.bus_id)
            return Looked(what, entry.bus_id, outcome_of(index, what, revision, limit=self._deepest))
        except Exception:
            log.exception("an event could not be looked at", type=entry.event.type, entry=entry.entry)
            return None

    async def _write(self, looked: Sequence[Looked], revision: str) -> list[Evaluation]:
        """Write a batch down in few round trips: they begin in the order of the events, and so do the runs.

        Timers come after them, one by one: which of two events of a batch is the later decides.
        """
        made = await asyncio.gather(*(self._create(one) for one in looked), return_exceptions=True)
        notes: list[Evaluation] = []
        for one, held in zip(looked, made, strict=True):
            if isinstance(held, RunsUnavailable | asyncio.CancelledError):
                raise held
            if isinstance(held, BaseException):
                log.error("an event could not be written down", type=one.what.event.type, exc_info=held)
                continue
            await self._set_timers(one)
            if one.outcome.unmatched or held:
                notes.append(Evaluation(one.bus_id, one.what.event, revision, held))
        return notes

    async def _create(self, one: Looked) -> dict[str, str]:
        """Write the runs of an event; which flows were held back, and by what."""
        plans = one.outcome.plans
        spans = [self._traces.looked_at(one.what.event.traceparent, plan) for plan in plans]
        answers = await asyncio.gather(*(self._runs.create(plan, now_ms()) for plan in plans))
        for plan, answer, span in zip(plans, answers, spans, strict=True):
            if answer == "created":
                self._traces.planned(span, plan)
            if plan.head.error is not None and answer == "created":
                self._stopped(plan)
        told = zip(plans, answers, strict=True)
        return {plan.head.trigger_id: answer for plan, answer in told if answer in {"cooldown", "throttle"}}

    async def _set_timers(self, one: Looked) -> None:
        for wait in one.outcome.waits:
            await self._line.arm(wait.id, wait.due, wait.at, timer_text(wait, one.what, one.bus_id))
        for timer in one.outcome.ends:
            await self._line.disarm(timer, one.what.occurred)


def timer_text(wait: Waits, what: Seen, bus_id: str) -> bytes:
    """What a timer keeps: enough to make the run when its time has come."""
    return msgspec.json.encode(
        {"kind": wait.kind, "flow": wait.flow, "at": wait.at, "bus_id": bus_id, "event": what.event}
    )
