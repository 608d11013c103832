"""What time alone brings about: pauses that are over, debounced events, absences, schedules. Any replica may do it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import msgspec
import structlog
from msgspec import UNSET, Struct

from gestalt_contracts.events import Event
from gestalt_flow.clock import now_ms
from gestalt_flow.flows import Flows
from gestalt_flow.folder import FolderFailed
from gestalt_flow.intake_redis import Intake
from gestalt_flow.line_redis import Due, Line
from gestalt_flow.matching import Matcher
from gestalt_flow.model import Flow
from gestalt_flow.pacing import Waiting, is_absent
from gestalt_flow.planning import Plan, plan, scheduled_event, seen
from gestalt_flow.revisions_redis import Revisions
from gestalt_flow.runs_redis import Runs, RunsUnavailable, Spent
from gestalt_flow.schedules import schedule_of

LEAST_SECONDS = 0.05
"""Between two looks at what is due: what is put off, as an absence that is not certain yet, is looked at again."""
MOST_SECONDS = 2.0
"""Another replica may have set a timer and died."""
RECOVER_SECONDS = 0.5
LATENESS_MS = 1_000
"""How long an event may be on its way before its absence is told."""
TIDY_SECONDS = 5.0
SILENT_SECONDS = 600.0
"""How often, and after what silence, replicas that are gone leave the groups that they read with."""
PREFIX = "sched"

log = structlog.get_logger()


class Timer(Struct, frozen=True):
    """What a timer is about."""

    kind: str
    flow: str
    at: int = 0
    bus_id: str = ""
    event: Event | None = None
    spec: str = ""


class History(Struct, frozen=True):
    """How much of it is kept."""

    runs: int
    seconds: float


class Timekeeper:
    """One replica's."""

    def __init__(
        self,
        line: Line,
        runs: Runs,
        revisions: Revisions,
        intake: Intake,
        flows: Flows,
        history: History,
        stopped: Callable[[Plan], None],
        *,
        deepest_cause: int,
    ) -> None:
        self._line = line
        self._runs = runs
        self._revisions = revisions
        self._intake = intake
        self._flows = flows
        self._history = history
        self._stopped = stopped
        self._deepest = deepest_cause

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._forever(self._tick, LEAST_SECONDS))
            tasks.create_task(self._forever(self._tidy, TIDY_SECONDS))
            tasks.create_task(self._forever(self._forget_silent, SILENT_SECONDS))

    async def _forever(self, act: Callable[[], Awaitable[None]], pause: float) -> None:
        while True:
            try:
                await act()
            except (RunsUnavailable, FolderFailed):
                await asyncio.sleep(RECOVER_SECONDS)
            except Exception:
                log.exception("what time brings about failed")
            await asyncio.sleep(pause)

    async def _tidy(self) -> None:
        oldest = now_ms() - int(self._history.seconds * 1000)
        await self.set_schedules(self._flows.loaded.flows)  # a Redis that was emptied, or away when they changed
        forgotten = 1
        while forgotten:
            forgotten = await self._runs.trim(oldest=oldest, most=self._history.runs)

    async def _forget_silent(self) -> None:
        await self._revisions.trim(await self._runs.oldest_evaluation())
        await self._line.forget_silent(SILENT_SECONDS)
        await self._intake.forget_silent(SILENT_SECONDS)

    async def _tick(self) -> None:
        self._line.sooner.clear()
        due, following = await self._line.due(now_ms())
        if not due:
            await self._rest(following)
            return
        index, revision = await self._flows.current()
        matchers = {matcher.flow.id: matcher for matcher in index.all}
        for one in due:
            timer = msgspec.json.decode(one.raw, type=Timer)
            await self._ring(one, timer, matchers.get(timer.flow), revision)

    async def _rest(self, following: int | None) -> None:
        """Wait until something is due, or may be."""
        wait = MOST_SECONDS if following is None else min(MOST_SECONDS, max(0.0, (following - now_ms()) / 1000))
        try:
            async with asyncio.timeout(wait):
                await self._line.sooner.wait()
        except TimeoutError:
            return

    async def _ring(self, due: Due, timer: Timer, matcher: Matcher | None, revision: str) -> None:
        if matcher is None or not matcher.flow.trigger.is_enabled:
            await self._line.spend(due.id, due.raw)
        elif timer.kind == "schedule":
            await self._on_time(due, timer, matcher, revision)
        elif timer.event is None:
            await self._line.spend(due.id, due.raw)
        elif timer.kind != "absence" or await self._is_absent(due, timer):
            run = plan(matcher, seen(timer.event, timer.bus_id), revision, limit=self._deepest)
            await self._create(run, Spent(due.id, due.raw))

    async def _is_absent(self, due: Due, timer: Timer) -> bool:
        waiting = Waiting(due.due, timer.at, "")
        return is_absent(waiting, now_ms(), await self._intake.oldest(), LATENESS_MS)

    async def _on_time(self, due: Due, timer: Timer, matcher: Matcher, revision: str) -> None:
        spec = spec_of(matcher.flow)
        if spec is None or spec != timer.spec:
            await self._line.spend(due.id, due.raw)
            return
        schedule = schedule_of(dict(msgspec.json.decode(spec)))
        now = now_ms()
        following = schedule.following(max(now, due.due))
        if not schedule.fires(due.due, now):
            await self._line.spend(due.id, due.raw, following, due.raw)
            return
        what = seen(scheduled_event(matcher.flow, due.due), f"{due.due}-0")
        run = plan(matcher, what, revision, limit=self._deepest)
        # the timer's text stays the same from time to time: its due moment is part of what must still hold
        await self._create(run, Spent(due.id, due.raw, following, due.raw))

    async def _create(self, run: Plan, spent: Spent) -> None:
        answer = await self._runs.create(run, now_ms(), spent)
        if run.head.error is not None and answer == "created":
            self._stopped(run)

    async def set_schedules(self, flows: Sequence[Flow]) -> None:
        """Make the timers fit the flows. Those of flows that are gone end when they are due."""
        wanted = {flow.id: spec for flow in flows if (spec := spec_of(flow)) is not None and flow.trigger.is_enabled}
        for flow_id, spec in wanted.items():
            await self._set_schedule(flow_id, spec)

    async def _set_schedule(self, flow_id: str, spec: str) -> None:
        name = f"{PREFIX}/{flow_id}"
        raw = msgspec.json.encode(Timer("schedule", flow_id, spec=spec)).decode()
        if await self._line.timer(name) != raw:
            due = schedule_of(dict(msgspec.json.decode(spec))).following(now_ms())
            await self._line.spend(name, "", due, raw)


def spec_of(flow: Flow) -> str | None:
    """A flow's schedule as text that changes when it does; None without one."""
    schedule = flow.trigger.schedule
    return None if schedule is UNSET else msgspec.json.encode(dict(sorted(schedule.items()))).decode()
