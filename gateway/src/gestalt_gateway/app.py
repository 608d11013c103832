"""Wiring: every part of the gateway, made once and owned by the lifespan."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

import structlog

from gestalt_contracts.auth import Receive, Scope, Send
from gestalt_contracts.bus import Bus
from gestalt_contracts.directory import Directory
from gestalt_contracts.service_logs import LogOutbox
from gestalt_gateway import lifelines
from gestalt_gateway.absent_owner import AbsentOwner
from gestalt_gateway.access_log import AccessLog
from gestalt_gateway.auth import Authenticator
from gestalt_gateway.credentials import Credentials
from gestalt_gateway.door import Door
from gestalt_gateway.forwarding import Forwarding
from gestalt_gateway.hosts import HostRules
from gestalt_gateway.http_app import HttpApp
from gestalt_gateway.lifelines import Lifelines
from gestalt_gateway.live_directory import LiveDirectory
from gestalt_gateway.metrics import Metrics
from gestalt_gateway.openapi import Documents
from gestalt_gateway.own_routes import Cookie, OwnRoutes
from gestalt_gateway.page import Page
from gestalt_gateway.proxy import Proxy
from gestalt_gateway.rate import RateLimit
from gestalt_gateway.readiness import Readiness
from gestalt_gateway.routing import Limit
from gestalt_gateway.services import Services
from gestalt_gateway.session_tokens import DirectoryTokens, SessionTokens
from gestalt_gateway.settings import GatewaySettings
from gestalt_gateway.tally import Tally
from gestalt_gateway.upgrade import Tunnels
from gestalt_gateway.upstreams import Upstreams
from gestalt_serving.tracing import Tracer

FIRST_LOAD_SECONDS = 1.0
"""How long a start waits for the directory before it serves without."""

log = structlog.get_logger(__name__)


class Gateway:
    """The whole gateway as one ASGI application; WebSockets are served beside it, by `tunnels`.

    `bus`: where it tells about itself, with the lines that `outbox` takes; None: nowhere.
    `stop` is called when the process is told to stop: streams end, readiness says so.
    """

    def __init__(  # noqa: PLR0913 - one argument for each thing that a gateway stands on
        self,
        settings: GatewaySettings,
        *,
        port: int,
        directory: Directory,
        credentials: Credentials,
        services: Services,
        bus: Bus | None = None,
        outbox: LogOutbox | None = None,
        session_tokens: SessionTokens | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._port = port  # what is listened on: the login cookie is named after it
        self._settings = settings
        self._credentials = credentials
        self._stopping = asyncio.Event()
        self._lines = Lifelines()
        self._live = LiveDirectory(directory, self._lines, clock=clock)
        self._access = AccessLog(clock)
        self._bus = bus
        self._outbox = outbox
        self._tally = Tally()
        self._tracer = Tracer("gateway", per_second=settings.traces_per_second)
        self._metrics = self._measured(outbox)
        authenticator = Authenticator(
            settings.server_token,
            credentials,
            session_tokens or DirectoryTokens(self._live),
            internal=settings.internal_bearer,
        )
        hosts = _hosts(settings)
        door = self._door(authenticator, hosts, clock)
        upstreams = Upstreams(self._live, services)
        forwarding = Forwarding(settings.internal_bearer, hosts)
        self._proxy = Proxy(upstreams, self._lines, forwarding)
        self._http = HttpApp(
            door=door,
            proxy=self._proxy,
            own=self._own_routes(authenticator, services),
            page=Page(),
            absent=AbsentOwner(directory, self._live),
            metrics=self._metrics,
            access=self._access,
            tally=self._tally,
            tracer=self._tracer,
            agent_of=self._live.agent_of,
            clock=clock,
        )
        self.tunnels = Tunnels(door, upstreams, forwarding, self._lines, self._metrics, self._access, clock)

    def _measured(self, outbox: LogOutbox | None) -> Metrics:
        metrics = Metrics()
        metrics.watch_workers(lambda: self._live.workers_alive)
        metrics.service.watch(self._tracer.outbox, "spans")
        if outbox is not None:
            metrics.service.watch(outbox, "logs")
        metrics.service.counter("gestalt_traces_unsampled", "Requests that went untold", lambda: self._tracer.unsampled)
        return metrics

    def _door(self, authenticator: Authenticator, hosts: HostRules, clock: Callable[[], float]) -> Door:
        settings = self._settings
        rate = RateLimit(settings.rate_limit) if settings.rate_limit else None
        limits = _limits(settings)
        return Door(authenticator=authenticator, hosts=hosts, live=self._live, limits=limits, rate=rate, clock=clock)

    def _own_routes(self, authenticator: Authenticator, services: Services) -> OwnRoutes:
        return OwnRoutes(
            authenticator=authenticator,
            credentials=self._credentials,
            cookie=self._cookie,
            readiness=Readiness(self._live, services, self._stopping),
            metrics=self._metrics,
            documents=Documents(self._live, services, self._proxy.document),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
        else:
            await self._http(scope, receive, send)

    def note_late(self, seconds: float) -> None:
        """The event loop was so late."""
        self._metrics.service.note(seconds)

    def stop(self) -> None:
        """End every stream; requests under way may finish."""
        self._stopping.set()
        self._lines.cut(lifelines.STOPPING)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Everything that runs beside requests."""
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._proxy.running())
            stack.callback(self._access.tell_failures)
            for work in (self._live.run(), self._credentials.follow(self._revoke), *self._telling()):
                await stack.enter_async_context(_beside(work))
            try:
                async with asyncio.timeout(FIRST_LOAD_SECONDS):
                    await self._live.loaded.wait()
            except TimeoutError:
                log.warning("directory away at start; serving what needs none")
            yield

    def _telling(self) -> Iterator[Awaitable[None]]:
        """What this gateway tells about itself."""
        if self._bus is not None:
            yield self._tally.publish_forever(self._bus)
            yield self._tracer.outbox.publish_forever(self._bus)
            yield self._metrics.service.outbox.publish_forever(self._bus)
            if self._outbox is not None:
                yield self._outbox.publish_forever(self._bus)

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        async with self.running():
            scope["state"]["tunnels"] = self.tunnels
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})

    def _revoke(self, credential: str) -> None:
        self._lines.cut(lifelines.of_credential(credential))

    def _cookie(self) -> Cookie:
        public = self._settings.public_url or ""
        return Cookie(f"gestalt_{self._port}", int(self._settings.login_ttl), public.startswith("https://"))


@asynccontextmanager
async def _beside(work: Awaitable[None]) -> AsyncIterator[None]:
    """Run `work` until the block is left; should it end before, that is told."""
    task = asyncio.create_task(_told(work))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _told(work: Awaitable[None]) -> None:
    try:
        await work
    except Exception:
        log.exception("background work ended")


def _hosts(settings: GatewaySettings) -> HostRules:
    return HostRules(
        bind=settings.host,
        public_url=settings.public_url,
        allowed_hosts=settings.allowed_hosts,
        allowed_origins=settings.allowed_origins,
    )


def _limits(settings: GatewaySettings) -> dict[Limit, int]:
    return {
        Limit.JSON: settings.json_limit,
        Limit.INPUT: settings.input_limit,
        Limit.OTLP: settings.otlp_limit,
        Limit.IMPORT: settings.import_limit,
    }
