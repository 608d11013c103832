"""Wiring: one replica from its settings. The lifespan owns every resource and closes them in reverse."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import structlog
from fastapi import FastAPI
from redis.asyncio import Redis

from gestalt_contracts.auth import ASGIApp, InternalBearer, Receive, Scope, Send
from gestalt_contracts.bus import Bus
from gestalt_contracts.channels import FlowNames, Names
from gestalt_contracts.directory import DirectoryUnavailable
from gestalt_contracts.events import now, rfc3339
from gestalt_contracts.redis_heartbeat import RedisHeartbeat
from gestalt_contracts.redis_idempotency import RedisIdempotency
from gestalt_contracts.service_logs import LogOutbox
from gestalt_flow import measures
from gestalt_flow.activities import web
from gestalt_flow.activities.addresses import AddressRules
from gestalt_flow.activities.output import Output
from gestalt_flow.activities.public_api import PublicApi
from gestalt_flow.activities.sessions import Sessions
from gestalt_flow.activities.toast import Toasts
from gestalt_flow.consumer import Consumer
from gestalt_flow.doings_redis import Doings
from gestalt_flow.executor import Do, Executor
from gestalt_flow.flows import Flows
from gestalt_flow.folder import Folder, FolderFailed
from gestalt_flow.heartbeat import DelayTold
from gestalt_flow.intake_redis import Intake
from gestalt_flow.line_redis import Line
from gestalt_flow.measures import IntakeAge
from gestalt_flow.revisions_redis import Revisions
from gestalt_flow.routes import config, description, errors, health, runs
from gestalt_flow.routes.state import State
from gestalt_flow.runs_redis import Runs, RunsUnavailable
from gestalt_flow.settings import Settings
from gestalt_flow.telling import Telling
from gestalt_flow.timekeeper import History, Timekeeper
from gestalt_flow.traces import Traces
from gestalt_flow.version import release
from gestalt_serving import presence
from gestalt_serving.description import DescribedApp
from gestalt_serving.errors import install
from gestalt_serving.metrics import ServiceMetrics
from gestalt_serving.tracing import Traced, Tracer

ROUTERS = (health, config, runs)
NAME = "flow"

log = structlog.get_logger()


class Replica:
    """The ASGI application of one replica, and its stop. `instance` names it among the others."""

    def __init__(
        self,
        settings: Settings,
        *,
        instance: str,
        address: str,
        client: Redis,
        patient: Redis,
        bus: Bus,
        environment: Mapping[str, str],
        log_outbox: LogOutbox | None = None,
    ) -> None:
        """Wire up one replica; nothing is opened before the lifespan begins. `environment` holds the secrets.

        `patient` is a client of the same Redis whose calls may wait WAIT_SECONDS.
        """
        self.stopping = asyncio.Event()
        self._settings = settings
        self._instance = instance
        self._client = client
        self._bus = bus
        self._environment = environment
        self._log_outbox = log_outbox or LogOutbox("flow")
        self._tracer = Tracer("flow", instance=instance)
        self._traces = Traces(self._tracer)
        self._names = Names(settings.namespace)
        flow_names = FlowNames(settings.namespace)
        self._doings = Doings(client, flow_names, settings.workspace)
        self._flows = Flows(Folder(settings.flows), client, flow_names, self._doings)
        self._runs = Runs(client, flow_names)
        self._revisions = Revisions(client, flow_names)
        self._line = Line(client, patient, flow_names, instance)
        self._intake = Intake(client, patient, self._names, instance)
        self._telling = Telling(bus, self._names)
        self._metrics = ServiceMetrics("flow", instance=instance)
        self._intake_age = IntakeAge(self._intake)
        self._heartbeat = DelayTold(RedisHeartbeat(client, self._names, NAME, instance), self._intake_age.look)
        self._facts = {"address": address, "pid": str(os.getpid()), "version": release(), "started_at": rfc3339(now())}
        self.app: ASGIApp = InternalBearer(Traced(self._fastapi(), self._tracer), settings.token)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        await self.app(scope, receive, send)

    def _fastapi(self) -> FastAPI:
        app = DescribedApp(
            description.TABLE, title="Gestalt flows", version=release(), lifespan=self._lifespan, redirect_slashes=False
        )
        install(app, [route for module in ROUTERS for route in module.router.routes], errors.HANDLERS)
        for module in ROUTERS:
            app.include_router(module.router)
        return app

    @asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncIterator[State]:
        async with AsyncExitStack() as stack:
            activities = await self._activities(stack)
            executor = Executor(self._line, activities, self._environment, self._telling, traces=self._traces)
            measures.watch(
                self._metrics, self._intake_age, lambda: executor.busy, self._log_outbox, self._tracer.outbox
            )
            consumer, timekeeper = self._consumer(), self._timekeeper()
            self._flows.changed = timekeeper.set_schedules
            await self._begin()
            stack.push_async_callback(presence.leave, self._heartbeat)
            stack.push_async_callback(self._telling.flush)
            tasks = await stack.enter_async_context(asyncio.TaskGroup())
            working = tasks.create_task(executor.run())
            for care in (
                presence.beat_forever(self._heartbeat, lambda: self._facts, self._metrics.pause),
                self._flows.follow_forever(),
                timekeeper.run(),
                self._telling.forever(),
                *self._telling_of_us(),
            ):
                stack.callback(tasks.create_task(care).cancel)
            reading = tasks.create_task(consumer.run())
            stack.callback(working.cancel)
            stack.push_async_callback(self._drain, executor)
            stack.callback(reading.cancel)
            yield self._state()

    async def _activities(self, stack: AsyncExitStack) -> dict[str, Do]:
        settings = self._settings
        home = await stack.enter_async_context(aiohttp.ClientSession(trust_env=False))
        api = PublicApi(settings.url, settings.token, home)
        output = Output(api)
        abroad = await stack.enter_async_context(web.opened(AddressRules(settings.webhook_allow), output))
        sessions = Sessions(api, output, self._doings)
        return {
            "toast_notification": Toasts(self._bus, self._names, output).toast_notification,
            "post_webhook": abroad.post_webhook,
            "http_request": abroad.http_request,
            "send_to_terminal": sessions.send_to_terminal,
            "spawn_agent_session": sessions.spawn_agent_session,
            "run_command": sessions.run_command,
            "notify_session": sessions.notify_session,
            "stop_session": sessions.stop_session,
        }

    def _telling_of_us(self) -> tuple[Coroutine[None, None, None], ...]:
        return tuple(
            outbox.publish_forever(self._bus)
            for outbox in (self._log_outbox, self._tracer.outbox, self._metrics.outbox)
        )

    def _consumer(self) -> Consumer:
        deepest = self._settings.flow_causes
        stopped = self._telling.stopped
        return Consumer(
            self._intake,
            self._flows,
            self._runs,
            self._revisions,
            self._line,
            self._doings,
            stopped,
            deepest_cause=deepest,
            traces=self._traces,
        )

    def _timekeeper(self) -> Timekeeper:
        settings = self._settings
        return Timekeeper(
            self._line,
            self._runs,
            self._revisions,
            self._intake,
            self._flows,
            History(settings.flow_history_runs, settings.flow_history),
            self._telling.stopped,
            deepest_cause=settings.flow_causes,
        )

    async def _begin(self) -> None:
        """What is there at the start is used; what is away is waited for by the loops."""
        try:
            await self._intake.open()
            await self._line.open()
            await self._heartbeat.beat(self._facts)
        except (RunsUnavailable, DirectoryUnavailable) as error:
            log.warning("Redis is away at the start", error=str(error))
        try:
            await self._flows.begin()
        except (FolderFailed, RunsUnavailable) as error:
            log.warning("the flows cannot be read at the start", error=str(error))

    async def _drain(self, executor: Executor) -> None:
        try:
            await executor.drain(self._settings.flow_drain)
        except RunsUnavailable as error:
            log.warning("activities that still run are left to other replicas", error=str(error))

    def _state(self) -> State:
        return {
            "settings": self._settings,
            "flows": self._flows,
            "runs": self._runs,
            "revisions": self._revisions,
            "client": self._client,
            "names": self._names,
            "instance": self._instance,
            "idempotency": RedisIdempotency(self._client, self._names),
            "metrics": self._metrics,
            "intake_age": self._intake_age,
            "stopping": self.stopping,
        }
