"""Wiring: the service from its settings. The lifespan owns every resource and closes them in reverse."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

import structlog
from fastapi import FastAPI

from gestalt_contracts.auth import ASGIApp, InternalBearer, Receive, Scope, Send
from gestalt_contracts.bus import Bus
from gestalt_contracts.events import now, rfc3339
from gestalt_contracts.service_logs import LogOutbox
from gestalt_serving import presence
from gestalt_serving.description import DescribedApp
from gestalt_serving.errors import install
from gestalt_serving.metrics import ServiceMetrics
from gestalt_serving.presence import Heartbeat
from gestalt_serving.tracing import Traced, Tracer
from gestalt_telemetry import exposition
from gestalt_telemetry.clickhouse.store import ClickHouseStore
from gestalt_telemetry.deaths import Deaths
from gestalt_telemetry.exposition import Disk
from gestalt_telemetry.forwarding.forwarder import Forwarder, Remote
from gestalt_telemetry.forwarding.queue import Queue
from gestalt_telemetry.live import Feed
from gestalt_telemetry.own_telemetry import OwnTelemetry
from gestalt_telemetry.routes import (
    description,
    errors,
    health,
    ingest,
    log_queries,
    log_streams,
    notifications,
    otel_queries,
    summaries,
)
from gestalt_telemetry.routes.state import SessionName, State
from gestalt_telemetry.settings import Settings
from gestalt_telemetry.store.keeper import Limits
from gestalt_telemetry.store.port import Store
from gestalt_telemetry.store.store import SegmentStore
from gestalt_telemetry.summary import Summary
from gestalt_telemetry.version import release
from gestalt_telemetry.writer import Config

ROUTERS = (health, ingest, log_queries, otel_queries, log_streams, notifications, summaries)
WRITER_SECONDS = 10.0  # a start waits so long for its writer, then serves what can be read

log = structlog.get_logger()


class Telemetry:
    """The ASGI application of the service, and its stop."""

    def __init__(
        self,
        settings: Settings,
        *,
        address: str,
        bus: Bus,
        heartbeat: Heartbeat,
        session_name: SessionName,
        outbox: LogOutbox | None = None,
    ) -> None:
        """Wire up; nothing is opened before the lifespan begins.

        `address`: where gateways reach it. `outbox`: takes this service's own lines.
        """
        self.stopping = asyncio.Event()
        self._settings = settings
        self._address = address
        self._bus = bus
        self._heartbeat = heartbeat
        self._session_name = session_name
        self._started = now()
        self._store = _store(settings)
        self._feed = Feed(self._store)
        self._outbox = outbox or LogOutbox("telemetry")
        self._tracer = Tracer("telemetry")
        self._summary = Summary()
        self._forwarder = _forwarder(settings)
        self._own = OwnTelemetry(bus, self._store, self._summary, self._forwarder)
        self._metrics = ServiceMetrics("telemetry")
        self._disk = Disk()
        self._deaths = Deaths(settings.folder / "alive")
        self._measure()
        self.app: ASGIApp = InternalBearer(Traced(self._fastapi(), self._tracer), settings.token)

    def _measure(self) -> None:
        """What operators look at."""
        listeners, delay = (lambda: self._feed.listeners), (lambda: self._own.delay)
        exposition.watch(self._metrics, self._store.writer, self._disk, listeners=listeners, delay=delay)
        self._metrics.watch(self._outbox, "logs")
        self._metrics.watch(self._tracer.outbox, "spans")
        if self._forwarder is not None:
            self._forwarder.watch(self._metrics)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        await self.app(scope, receive, send)

    def _fastapi(self) -> FastAPI:
        app = DescribedApp(
            description.TABLE,
            title="Gestalt telemetry",
            version=release(),
            lifespan=self._lifespan,
            redirect_slashes=False,
        )
        install(app, [route for module in ROUTERS for route in module.router.routes], errors.HANDLERS)
        for module in ROUTERS:
            app.include_router(module.router)
        return app

    @asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncIterator[State]:
        self._deaths.begin()
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._store.running())
            stack.push_async_callback(presence.leave, self._heartbeat)
            await self._writer_there()
            if self._forwarder is not None:
                await stack.enter_async_context(self._forwarder.running())
            tasks = await stack.enter_async_context(asyncio.TaskGroup())
            for care in self._care():
                stack.callback(tasks.create_task(care).cancel)
            yield self._state()
        self._deaths.end()

    async def _writer_there(self) -> None:
        try:
            async with asyncio.timeout(WRITER_SECONDS):
                await self._store.writer.ready.wait()
        except TimeoutError:
            log.warning("no writer yet; serving what can be read")

    def _care(self) -> tuple[Coroutine[None, None, None], ...]:
        """The loops that run as long as the service does."""
        return (
            self._feed.run(),
            self._own.run(),
            self._outbox.publish_forever(self._bus),
            self._tracer.outbox.publish_forever(self._bus),
            self._metrics.outbox.publish_forever(self._bus),
            self._disk.look_forever(self._store.size),
            presence.beat_forever(self._heartbeat, self._facts, self._metrics.pause),
        )

    def _facts(self) -> Mapping[str, str]:
        """What others see of us; `status` shows it as the collector's."""
        writer = self._store.writer
        return {
            "address": self._address,
            "pid": str(os.getpid()),
            "version": release(),
            "started_at": rfc3339(self._started),
            "restarts": str(self._deaths.with_those_of(max(0, writer.restarts))),
            "last_exit": writer.last_exit or self._deaths.last,
            "writer_backlog": str(writer.backlog),
            "damaged_segments": str(writer.state.damaged if writer.state else 0),
            "listeners": str(self._feed.listeners),
            "store_bytes": str(self._disk.size),
            "delay_seconds": str(self._own.delay),
        }

    def _state(self) -> State:
        return {
            "settings": self._settings,
            "store": self._store,
            "feed": self._feed,
            "summary": self._summary,
            "bus": self._bus,
            "metrics": self._metrics,
            "disk": self._disk,
            "forwarder": self._forwarder,
            "session_name": self._session_name,
            "stopping": self.stopping,
        }


def _forwarder(settings: Settings) -> Forwarder | None:
    if not settings.otel_remote_endpoint:
        return None
    queue = Queue(settings.folder / "forward", settings.otel_remote_queue)
    remote = Remote(settings.otel_remote_endpoint, settings.remote_headers)
    return Forwarder(queue, remote, limit=settings.otlp_limit)


def _store(settings: Settings) -> Store:
    if settings.telemetry_store is None:
        return SegmentStore(_config(settings))
    return ClickHouseStore(settings.telemetry_store, settings.telemetry_retention, settings.otlp_limit)


def _config(settings: Settings) -> Config:
    limits = Limits(
        segment_records=settings.telemetry_segment_records,
        segment_bytes=max(1 << 20, settings.telemetry_size // 8),
        segment_seconds=settings.telemetry_retention / 8,
        kept_bytes=settings.telemetry_size,
        kept_seconds=settings.telemetry_retention,
    )
    return Config(str(settings.folder), limits, settings.otlp_limit)
