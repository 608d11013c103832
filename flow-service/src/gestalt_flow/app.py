"""Wiring: one replica from its settings. The lifespan owns every resource and closes them in reverse."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import structlog
from fastapi import FastAPI
from redis.asyncio import Redis

from gestalt_contracts.auth import ASGIApp, InternalBearer, Receive, Scope, Send
from gestalt_contracts.bus import Bus
from gestalt_contracts.channels import FlowNames, Names
from gestalt_contracts.directory import DirectoryUnavailable
from gestalt_flow.activities import web
from gestalt_flow.activities.addresses import AddressRules
from gestalt_flow.activities.public_api import PublicApi
from gestalt_flow.activities.sessions import Sessions
from gestalt_flow.activities.toast import Toasts
from gestalt_flow.consumer import Consumer
from gestalt_flow.executor import Do, Executor
from gestalt_flow.flows import Flows
from gestalt_flow.folder import Folder, FolderFailed
from gestalt_flow.heartbeat import Heartbeat
from gestalt_flow.intake_redis import Intake
from gestalt_flow.line_redis import Line
from gestalt_flow.routes import config, errors, health, runs
from gestalt_flow.routes.state import State
from gestalt_flow.runs_redis import Runs, RunsUnavailable
from gestalt_flow.settings import Settings
from gestalt_flow.telling import Telling
from gestalt_flow.timekeeper import History, Timekeeper
from gestalt_flow.version import release
from gestalt_serving.errors import install

ROUTERS = (health, config, runs)

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
    ) -> None:
        """Wire up one replica; nothing is opened before the lifespan begins. `environment` holds the secrets.

        `patient` is a client of the same Redis whose calls may wait WAIT_SECONDS.
        """
        self.stopping = asyncio.Event()
        self._settings = settings
        self._client = client
        self._bus = bus
        self._environment = environment
        self._names = Names(settings.namespace)
        flow_names = FlowNames(settings.namespace)
        self._flows = Flows(Folder(settings.flows), client, flow_names)
        self._runs = Runs(client, flow_names)
        self._line = Line(client, patient, flow_names, instance)
        self._intake = Intake(client, patient, self._names, instance)
        self._telling = Telling(bus, self._names)
        self._heartbeat = Heartbeat(client, self._names, instance, address)
        self.app: ASGIApp = InternalBearer(self._fastapi(), settings.token)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        await self.app(scope, receive, send)

    def _fastapi(self) -> FastAPI:
        app = FastAPI(title="Gestalt flows", version=release(), lifespan=self._lifespan, redirect_slashes=False)
        install(app, [route for module in ROUTERS for route in module.router.routes], errors.HANDLERS)
        for module in ROUTERS:
            app.include_router(module.router)
        return app

    @asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncIterator[State]:
        async with AsyncExitStack() as stack:
            activities = await self._activities(stack)
            executor = Executor(self._line, activities, self._environment, self._telling.run)
            consumer, timekeeper = self._consumer(), self._timekeeper()
            self._flows.changed = timekeeper.set_schedules
            await self._begin()
            stack.push_async_callback(self._leave)
            tasks = await stack.enter_async_context(asyncio.TaskGroup())
            working = tasks.create_task(executor.run())
            for care in (self._heartbeat.forever(), self._flows.follow_forever(), timekeeper.run()):
                stack.callback(tasks.create_task(care).cancel)
            reading = tasks.create_task(consumer.run())
            stack.callback(working.cancel)
            stack.push_async_callback(self._drain, executor)
            stack.callback(reading.cancel)
            yield self._state()

    async def _activities(self, stack: AsyncExitStack) -> dict[str, Do]:
        settings = self._settings
        abroad = await stack.enter_async_context(web.opened(AddressRules(settings.webhook_allow)))
        home = await stack.enter_async_context(aiohttp.ClientSession(trust_env=False))
        sessions = Sessions(PublicApi(settings.url, settings.token, home))
        return {
            "toast_notification": Toasts(self._bus, self._names).toast_notification,
            "post_webhook": abroad.post_webhook,
            "http_request": abroad.http_request,
            "send_to_terminal": sessions.send_to_terminal,
            "spawn_agent_session": sessions.spawn_agent_session,
            "run_command": sessions.run_command,
            "notify_session": sessions.notify_session,
            "stop_session": sessions.stop_session,
        }

    def _consumer(self) -> Consumer:
        deepest = self._settings.flow_causes
        stopped = self._telling.stopped
        return Consumer(self._intake, self._flows, self._runs, self._line, stopped, deepest_cause=deepest)

    def _timekeeper(self) -> Timekeeper:
        settings = self._settings
        return Timekeeper(
            self._line,
            self._runs,
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
            await self._heartbeat.beat()
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

    async def _leave(self) -> None:
        try:
            await self._heartbeat.leave()
        except DirectoryUnavailable as error:
            log.warning("nobody could be told that this replica ends", error=str(error))

    def _state(self) -> State:
        return {
            "settings": self._settings,
            "flows": self._flows,
            "runs": self._runs,
            "client": self._client,
            "names": self._names,
            "stopping": self.stopping,
        }
