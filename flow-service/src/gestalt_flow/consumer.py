"""Looks at every event once: what it leads to is written down before the event leaves the intake."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

import msgspec
import structlog

from gestalt_flow.executor import now_ms
from gestalt_flow.flows import Flows
from gestalt_flow.folder import FolderFailed
from gestalt_flow.intake_redis import Arrived, Intake
from gestalt_flow.line_redis import Line
from gestalt_flow.matching import Index
from gestalt_flow.planning import Plan, Seen, Waits, outcome_of, seen
from gestalt_flow.runs_redis import Evaluation, Runs, RunsUnavailable

BATCH = 100
LOOK_SECONDS = 1.25
RECOVER_SECONDS = 0.5

Stopped = Callable[[Plan], Awaitable[None]]
log = structlog.get_logger()


class Consumer:
    """One replica's. `stopped` is called for a run that was not begun because its causes are a loop."""

    def __init__(
        self, intake: Intake, flows: Flows, runs: Runs, line: Line, stopped: Stopped, *, deepest_cause: int
    ) -> None:
        self._intake = intake
        self._flows = flows
        self._runs = runs
        self._line = line
        self._stopped = stopped
        self._deepest = deepest_cause
        self._looked = 0.0

    async def run(self) -> None:
        """Work until cancelled. Redis or the folder away: wait."""
        while True:
            try:
                await self._step()
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

    async def _step(self) -> None:
        if time.monotonic() - self._looked >= LOOK_SECONDS:
            self._looked = time.monotonic()
            await self._take(await self._intake.take_over(BATCH))
        await self._take(await self._intake.take(BATCH, wait_ms=int(LOOK_SECONDS * 1000)))

    async def _take(self, arrived: Sequence[Arrived]) -> None:
        if not arrived:
            return
        index, revision = await self._flows.current()
        notes: list[Evaluation] = []
        for entry in arrived:
            if entry.event is not None:
                await self._look_at_one(seen(entry.event, entry.bus_id), entry.bus_id, index, revision, notes)
        if notes:
            await self._runs.note(notes)
        await self._intake.done([entry.entry for entry in arrived])

    async def _look_at_one(self, what: Seen, bus_id: str, index: Index, revision: str, notes: list[Evaluation]) -> None:
        """An event that cannot be dealt with must not stop those behind it."""
        try:
            await self._look_at(what, bus_id, index, revision, notes)
        except RunsUnavailable:
            raise
        except Exception:
            log.exception("an event could not be dealt with", type=what.event.type, event=what.event_id)

    async def _look_at(self, what: Seen, bus_id: str, index: Index, revision: str, notes: list[Evaluation]) -> None:
        outcome = outcome_of(index, what, revision, limit=self._deepest)
        answers = await asyncio.gather(*(self._runs.create(plan, now_ms()) for plan in outcome.plans))
        for plan, answer in zip(outcome.plans, answers, strict=True):
            if plan.head.error is not None and answer == "created":
                await self._stopped(plan)
        for wait in outcome.waits:
            await self._line.arm(wait.id, wait.due, wait.at, timer_text(wait, what, bus_id))
        for timer in outcome.ends:
            await self._line.disarm(timer, what.occurred)
        held = {
            plan.head.trigger_id: answer
            for plan, answer in zip(outcome.plans, answers, strict=True)
            if answer in {"cooldown", "throttle"}
        }
        if outcome.unmatched or held:
            notes.append(Evaluation(bus_id, what.event, revision, held))


def timer_text(wait: Waits, what: Seen, bus_id: str) -> bytes:
    """What a timer keeps: enough to make the run when its time has come."""
    return msgspec.json.encode(
        {"kind": wait.kind, "flow": wait.flow, "at": wait.at, "bus_id": bus_id, "event": what.event}
    )
