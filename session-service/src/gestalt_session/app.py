"""Wiring: one worker from its settings. The lifespan owns every resource and closes them in reverse."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

import structlog
from fastapi import FastAPI

from gestalt_contracts.auth import ASGIApp, InternalBearer, Receive, Scope, Send
from gestalt_contracts.bus import Bus
from gestalt_contracts.channels import Names
from gestalt_contracts.directory import Directory, DirectoryUnavailable, WorkerRecord
from gestalt_contracts.idempotency import IdempotencyStore
from gestalt_contracts.service_logs import LogOutbox
from gestalt_serving.description import DescribedApp
from gestalt_serving.errors import install
from gestalt_serving.metrics import ServiceMetrics
from gestalt_serving.tracing import Traced, Tracer
from gestalt_session import measures, own_commands
from gestalt_session.agent_sessions import AgentSessions
from gestalt_session.agents.catalogue import Catalogue
from gestalt_session.agents.shipping import lay_out
from gestalt_session.agents_hub import AgentsHub
from gestalt_session.archive import Archive
from gestalt_session.cluster.absence import AbsenceWatch
from gestalt_session.cluster.membership import Membership
from gestalt_session.cluster.outbox import Outbox
from gestalt_session.cluster.watchkeeper import Watchkeeper
from gestalt_session.config_watch import ConfigWatch
from gestalt_session.notifier import Notifier
from gestalt_session.overview import Overview
from gestalt_session.prompting import Prompter
from gestalt_session.routes import (
    catalogue,
    description,
    errors,
    health,
    notify,
    plans,
    screen,
    session,
    sessions,
    streams,
    typing,
    workers,
    workspace,
)
from gestalt_session.routes.state import State
from gestalt_session.screen.process import Screens
from gestalt_session.service import Rules, SessionService
from gestalt_session.settings import Settings
from gestalt_session.terminal.orders import Limits
from gestalt_session.terminal.slot import Slot, claim_slot
from gestalt_session.terminal.terminals import Terminals
from gestalt_session.version import release
from gestalt_session.workspace.git import origin_and_branch
from gestalt_session.workspace.plans.catalogue import Plans
from gestalt_session.workspace.watching.watcher import Watch

ROUTERS = (health, sessions, streams, session, screen, typing, notify, workers, workspace, plans, catalogue)
"""In this order: /api/sessions/stream must stand before /api/sessions/{ref}."""

LAST_WORDS_SECONDS = 0.5  # how long a stopping worker waits for its last events to be published
SLOT_SECONDS = 5.0  # how long a predecessor that is still stopping may hold the slot

log = structlog.get_logger()


class Worker:
    """The ASGI application of one worker, and its stop."""

    def __init__(  # noqa: PLR0913 - one argument for each thing that a worker stands on
        self,
        settings: Settings,
        *,
        slot: Slot | None = None,
        address: str,
        directory: Directory,
        bus: Bus,
        log_outbox: LogOutbox | None = None,
        idempotency: IdempotencyStore,
        inherited: Mapping[str, str],
        names: Names | None = None,
        open_files: int | None = None,
        empty: Callable[[], None] = lambda: None,
    ) -> None:
        """Wire up one worker; nothing is opened before the lifespan begins.

        `slot`: claimed already, and released by the caller; None: the lifespan claims one.
        `inherited` is the environment that programs may get; `empty` is called once a draining worker has no session.
        """
        self.stopping = asyncio.Event()
        self._settings = settings
        self._catalogue = Catalogue(settings.config, settings.workspace.resolve())
        self._slot = slot
        self._address = address
        self._directory = directory
        self._bus = bus
        self._log_outbox = log_outbox or LogOutbox("session")
        self._tracer = Tracer("session", instance=str(os.getpid()))
        self._metrics = ServiceMetrics("session", instance=str(os.getpid()))
        self._idempotency = idempotency
        self._inherited = inherited
        self._names = names or Names()
        self._open_files = open_files
        self._empty = empty
        self.app: ASGIApp = InternalBearer(
            _without_trailing_slash(Traced(self._fastapi(), self._tracer)), settings.token
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        await self.app(scope, receive, send)

    def _fastapi(self) -> FastAPI:
        app = DescribedApp(
            description.TABLE,
            title="Gestalt sessions",
            version=release(),
            lifespan=self._lifespan,
            redirect_slashes=False,
        )
        install(app, [route for module in ROUTERS for route in module.router.routes], errors.HANDLERS, errors.unknown)
        for module in ROUTERS:
            app.include_router(module.router)
        return app

    @asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncIterator[State]:
        async with AsyncExitStack() as stack:
            slot = self._slot
            if slot is None:
                slot = await claim(self._settings)
                stack.callback(slot.release)
            await lay_out(self._settings.config)
            inherited = await asyncio.to_thread(own_commands.offered, self._inherited, slot.folder / "bin")
            service = self._service(slot, inherited)
            measures.watch(self._metrics, service, self._log_outbox, self._tracer.outbox)
            await service.terminals.take_up()
            stack.callback(service.terminals.stop)
            stack.push_async_callback(service.membership.leave)
            stack.push_async_callback(service.outbox.drain, LAST_WORDS_SECONDS)
            await _register(service.membership)
            tasks = await stack.enter_async_context(asyncio.TaskGroup())
            prompter = Prompter(service.outbox)
            await prompter.take_up(service.listed())
            hub = AgentsHub(service)
            for care in (*self._care(service, prompter), hub.keep_forever()):
                stack.callback(tasks.create_task(care).cancel)
            yield self._state(service, prompter, hub)

    def _care(self, service: SessionService, prompter: Prompter) -> tuple[Coroutine[None, None, None], ...]:
        """The loops that run as long as the worker does."""
        files = Outbox(self._bus)
        watchkeeper = self._watchkeeper(service, files)
        profiles = ConfigWatch(self._catalogue, service.outbox, self._names)
        watchkeeper.listeners.append(profiles.changed)
        return (
            service.outbox.send_forever(),
            self._log_outbox.publish_forever(self._bus),
            self._tracer.outbox.publish_forever(self._bus),
            self._metrics.outbox.publish_forever(self._bus),
            service.membership.keep_forever(),
            service.terminals.rescue.forever(),
            service.terminals.ping_forever(),
            service.terminals.tmux.care_forever(),
            service.screens.run_forever(),
            service.tidy_forever(),
            AbsenceWatch(self._directory, service.outbox, self._names, service.replaced).watch_forever(),
            files.send_forever(),
            watchkeeper.keep_forever(),
            profiles.watch_forever(),
            prompter.prompt_forever(),
        )

    def _watchkeeper(self, service: SessionService, outbox: Outbox) -> Watchkeeper:
        settings = self._settings
        watch = Watch(settings.workspace.resolve(), settings.data, tuple(settings.watch_paths))
        return Watchkeeper(watch, self._directory, outbox, service.membership.record.id)

    def _service(self, slot: Slot, inherited: Mapping[str, str]) -> SessionService:
        settings = self._settings
        rules = Rules(
            workspace=settings.workspace.resolve(),
            shell=settings.program_shell,
            inherited=inherited,
            pass_env=settings.passed,
            ack_window=settings.ack_window,
            url=settings.url,
            closed_ttl=settings.closed_session_ttl,
            retention=settings.session_retention,
        )
        service = SessionService(rules, self._directory, Outbox(self._bus))
        limits = Limits(
            journal=settings.journal_size,
            segment=max(64 * 1024, settings.journal_size // 16),
            budget=settings.journal_budget,
            hosts=settings.pty_hosts,
            open_files=self._open_files,
            tmux_title=f"Gestalt {rules.workspace.name or 'workspace'}",
            look=settings.terminal_theme,
        )
        service.terminals = Terminals(slot.folder, limits, service)
        service.screens = Screens(slot.folder / "sessions", wanted=settings.screens)
        service.membership = Membership(
            self._directory,
            slot,
            self._record(slot),
            service,
            lost_after=settings.lost_after,
            retention=settings.session_retention,
            beat=lambda: self._beat(service),
        )
        return service

    def _record(self, slot: Slot) -> WorkerRecord:
        return WorkerRecord(
            id=slot.worker_id,
            address=self._address,
            pid=os.getpid(),
            host=self._settings.node,
            capacity=self._settings.capacity,
            version=release(),
            started_at=time.time(),
            slot=str(slot.folder),
            generation=slot.state.generation,
            state="draining" if self._settings.draining else "live",
        )

    async def _beat(self, service: SessionService) -> None:
        try:
            service.terminals.settle()
            self._metrics.note(service.membership.late)
        except Exception:
            log.exception("housekeeping failed")  # the lease must be renewed all the same
        if self._settings.draining and not any(session.live for session in service.listed()):
            self._empty()

    async def _branch(self) -> str:
        return (await origin_and_branch(self._settings.workspace))[1]

    def _state(self, service: SessionService, prompter: Prompter, hub: AgentsHub) -> State:
        return {
            "settings": self._settings,
            "service": service,
            "hub": hub,
            "overview": Overview(service, self._directory),
            "catalogue": self._catalogue,
            "archive": Archive(service, self._directory, self._settings.data / "slots"),
            "plans": Plans(self._settings.workspace.resolve() / ".gestalt" / "plans"),
            "agent_sessions": AgentSessions(service, self._catalogue, prompter, self._settings.url),
            "notifier": Notifier(self._bus, service.outbox, self._names, self._branch),
            "directory": self._directory,
            "bus": self._bus,
            "metrics": self._metrics,
            "idempotency": self._idempotency,
            "stopping": self.stopping,
        }


async def claim(settings: Settings) -> Slot:
    """The slot of the settings, or a free one; a predecessor that is about to end is waited for.

    Raises BlockingIOError when none is free, OSError when the data directory cannot be used.
    """
    try:
        async with asyncio.timeout(SLOT_SECONDS):
            while True:
                try:
                    return claim_slot(settings.data, settings.slot)
                except BlockingIOError:
                    await asyncio.sleep(0.05)
    except TimeoutError:
        raise BlockingIOError(f"no free slot in {settings.data / 'slots'}") from None


async def _register(membership: Membership) -> None:
    """Terminals are served whether Redis is there or not; the next beat tries again."""
    try:
        await membership.register()
    except DirectoryUnavailable as error:
        log.warning("the directory is away at the start", error=str(error))


def _without_trailing_slash(app: ASGIApp) -> ASGIApp:
    """One trailing slash is tolerated on every path of one session (reference, sessions §2.5)."""

    async def trimmed(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        of_one = path.startswith(errors.SESSIONS) and path != errors.SESSIONS
        if scope["type"] == "http" and of_one and path.endswith("/"):
            scope = {**scope, "path": path[:-1]}
        await app(scope, receive, send)

    return trimmed
