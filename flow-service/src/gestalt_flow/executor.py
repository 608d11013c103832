"""Does activities: takes them from the line, holds them while they run, writes down how each attempt went."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

import structlog
from msgspec import structs

from gestalt_flow.activities.context import Context
from gestalt_flow.clock import now_ms
from gestalt_flow.line_redis import LOOK_SECONDS, RENEW_SECONDS, Begun, Held, Line
from gestalt_flow.policy import Busy, Done, Failed, Skipped, may_repeat, pause
from gestalt_flow.records import FAILED, QUEUED, SKIPPED, SUCCEEDED, ActivityRecord, Attempt
from gestalt_flow.runs_redis import RunsUnavailable
from gestalt_flow.telling import Telling
from gestalt_flow.traces import Traces

AT_ONCE = 64
"""Activities that one replica does at the same time."""
LONGEST_SECONDS = 65.0
"""No attempt takes longer, whatever it is: each has a shorter limit of its own."""
BUSY_PAUSE_MS = 2_000
BUSY_MOST_MS = 15 * 60_000
"""How long a message waits for a session that is at work."""
RECOVER_SECONDS = 0.5
WRITE_SECONDS = 60.0
"""How long the end of an attempt is kept while Redis is away; then another replica does it again."""

Do = Callable[[Context], Awaitable[Done]]
log = structlog.get_logger()


class Executor:
    """One replica's. `activities` says how each is done; `telling` hears how runs go on."""

    def __init__(
        self,
        line: Line,
        activities: Mapping[str, Do],
        environment: Mapping[str, str],
        telling: Telling,
        *,
        traces: Traces,
        at_once: int = AT_ONCE,
    ) -> None:
        self._line = line
        self._activities = activities
        self._environment = environment
        self._telling = telling
        self._traces = traces
        self._at_once = at_once
        self._held: dict[str, Held] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._free = asyncio.Event()
        self._draining = False

    async def run(self) -> None:
        """Work until cancelled. Redis away: wait."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._renew_forever())
            tasks.create_task(self._forever(partial(self._look, tasks)))
            await self._forever(partial(self._fetch, tasks))

    async def drain(self, seconds: float) -> None:
        """Take nothing new, and wait for what runs; what does not end goes back in the line. Raises RunsUnavailable."""
        self._draining = True
        if not self._tasks:
            return
        await asyncio.wait(set(self._tasks.values()), timeout=seconds)
        left = list(self._held.values())
        running = [self._tasks[held.entry] for held in left if held.entry in self._tasks]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        if left:
            await self._line.give_back(left)

    @property
    def busy(self) -> int:
        """How many activities run."""
        return len(self._tasks)

    async def _forever(self, step: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await step()
            except RunsUnavailable:
                await asyncio.sleep(RECOVER_SECONDS)
            except Exception:
                log.exception("activities cannot be fetched")
                await asyncio.sleep(RECOVER_SECONDS)
                await self._reopen()

    async def _reopen(self) -> None:
        """A Redis that was emptied has no group any more."""
        try:
            await self._line.open()
        except RunsUnavailable as error:
            log.warning("Redis is away", error=str(error))

    @property
    def _room(self) -> int:
        """How many more activities it may do now."""
        return 0 if self._draining else max(0, self._at_once - len(self._tasks))

    async def _look(self, tasks: asyncio.TaskGroup) -> None:
        """What the dead held, then a pause."""
        if room := self._room:
            await self._accept(await self._line.take_over(room), tasks)
        await asyncio.sleep(LOOK_SECONDS)

    async def _fetch(self, tasks: asyncio.TaskGroup) -> None:
        """What is new, as soon as there is room for it."""
        if room := self._room:
            await self._accept(await self._line.take(room), tasks)
        else:
            self._free.clear()
            await self._free.wait()

    async def _accept(self, taken: list[Held], tasks: asyncio.TaskGroup) -> None:
        if self._draining and taken:
            await self._line.give_back(taken)
        else:
            self._begin(taken, tasks)

    def _begin(self, taken: list[Held], tasks: asyncio.TaskGroup) -> None:
        for held in taken:
            if held.entry not in self._held:
                self._held[held.entry] = held
                task = tasks.create_task(self._do(held), name=held.job)
                self._tasks[held.entry] = task

    async def _do(self, held: Held) -> None:
        """One attempt from its beginning to its record."""
        try:
            begun = await self._line.start(held, now_ms())
            if begun is not None:
                await self._attempt(held, begun)
        except RunsUnavailable as error:
            log.warning("an attempt could not be written down; it is done again", job=held.job, error=str(error))
        except Exception:
            log.exception("an attempt failed in a way nobody expected", job=held.job)
        finally:
            self._held.pop(held.entry, None)
            self._tasks.pop(held.entry, None)
            self._free.set()

    async def _attempt(self, held: Held, begun: Begun) -> None:
        record = interrupted(begun)
        started = now_ms()
        if begun.is_first:
            self._telling.begun(held.run_id, begun.head)
        if len(record.attempts) > len(begun.record.attempts) and not may_repeat(_CUT_OFF, _used(record)):
            verdict: Verdict = "failed", structs.replace(record, status=FAILED), 0
        else:
            context = Context(held.run_id, begun.head, record, self._environment, partial(self._keep, held))
            verdict = await self._traces.attempt(context, self._outcome(context, started))
        status = await self._written(held, verdict)
        if status is not None and len(verdict[1].attempts) > len(begun.record.attempts):
            self._telling.attempted(held.run_id, begun.head, verdict[1], status)

    async def _written(self, held: Held, verdict: Verdict) -> str | None:
        """Write an attempt's end down. What was done is not to be done again because Redis was away for a moment."""
        word, after, due = verdict
        until = time.monotonic() + WRITE_SECONDS
        while True:
            try:
                return await self._line.finish(held, word, after, now=now_ms(), due=due)
            except RunsUnavailable:
                if time.monotonic() > until:
                    raise
                await asyncio.sleep(RECOVER_SECONDS)

    async def _keep(self, held: Held, record: ActivityRecord) -> None:
        """Raises Failed, RunsUnavailable: what cannot be written down must not be done."""
        if not await self._line.keep(held, record):
            raise Failed("another replica has taken it over", lasting=False)

    async def _outcome(self, context: Context, started: int) -> Verdict:
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                done = await self._activities[context.record.activity_id](context)
        except Busy as busy:
            return waited(context.record, started, str(busy))
        except Skipped as skipped:
            return "done", ended(context.record, SKIPPED, _attempt(started, error=str(skipped))), 0
        except (Failed, RunsUnavailable, TimeoutError) as error:
            return failed(context.record, started, _failure(error))
        except Exception as error:
            log.exception("an activity broke", activity=context.record.activity_id, run=context.run_id)
            return failed(context.record, started, Failed(f"internal error: {type(error).__name__}"))
        after = ended(context.record, SUCCEEDED, _attempt(started, status=done.status_code))
        return "done", structs.replace(after, result=done.result), 0

    async def _renew_forever(self) -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            if not self._held:
                continue
            try:
                lost = await self._line.renew(list(self._held.values()))
            except RunsUnavailable as error:
                log.warning("the hold on activities could not be renewed", error=str(error))
                continue
            for entry in lost:
                self._give_up(entry)

    def _give_up(self, entry: str) -> None:
        """Another has taken it over while we stood still: stop, if it is not ended yet."""
        task = self._tasks.get(entry)
        if task is not None and entry in self._held:
            log.warning("an activity was taken over by another replica", job=self._held[entry].job)
            task.cancel()


Verdict = tuple[str, ActivityRecord, int]
"""What becomes of an activity: the word for the line, its record, when it is due again."""
_CUT_OFF = Failed("interrupted", lasting=False)


def interrupted(begun: Begun) -> ActivityRecord:
    """The record, with the attempts of replicas that died in them written down as what they were."""
    known = {attempt.started_at for attempt in begun.record.attempts}
    lost = [
        Attempt(moment, error="interrupted: its replica died or stood still", interrupted=True)
        for moment in begun.interrupted_at
        if moment not in known
    ]
    return structs.replace(begun.record, attempts=(*begun.record.attempts, *lost)) if lost else begun.record


def failed(record: ActivityRecord, started: int, failure: Failed) -> Verdict:
    """After a failure: again later, or never."""
    after = ended(record, FAILED, _attempt(started, status=failure.status, error=failure.message))
    if not may_repeat(failure, _used(after)):
        return "failed", after, 0
    return "again", structs.replace(after, status=QUEUED), now_ms() + pause(_used(after), random.random)


def _failure(error: Failed | RunsUnavailable | TimeoutError) -> Failed:
    if isinstance(error, Failed):
        return error
    away = isinstance(error, RunsUnavailable)
    return Failed(f"Redis is away: {error}" if away else f"took longer than {LONGEST_SECONDS:g} s", lasting=False)


def waited(record: ActivityRecord, started: int, reason: str) -> Verdict:
    """After a look at a session that was at work."""
    since = record.waiting_since or started
    if started - since >= BUSY_MOST_MS:
        return "failed", ended(record, FAILED, _attempt(started, error=f"{reason}, and stayed so")), 0
    return "wait", structs.replace(record, waiting_since=since), started + BUSY_PAUSE_MS


def ended(record: ActivityRecord, status: str, attempt: Attempt) -> ActivityRecord:
    """The record after one more attempt."""
    return structs.replace(record, status=status, attempts=(*record.attempts, attempt))


def _used(record: ActivityRecord) -> int:
    return len(record.attempts) - record.budget_from


def _attempt(started: int, *, status: int | None = None, error: str | None = None) -> Attempt:
    return Attempt(started, now_ms() - started, status, error)
