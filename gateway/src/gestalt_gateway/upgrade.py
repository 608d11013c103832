"""From an upgrade request to a tunnel: the protocol class that uvicorn hands WebSocket requests to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import structlog
from msgspec import Struct

from gestalt_contracts.errors import GestaltError, InvalidRequest, NotFound, Unavailable, worker_unavailable
from gestalt_gateway import handshake, lifelines
from gestalt_gateway.access_log import AccessLog
from gestalt_gateway.dialing import Dialed, dial
from gestalt_gateway.door import Admitted, Door
from gestalt_gateway.farewell import Farewell
from gestalt_gateway.forwarding import Forwarding
from gestalt_gateway.frames import FrameWalker, close_frame
from gestalt_gateway.lifelines import Lifelines
from gestalt_gateway.metrics import Metrics
from gestalt_gateway.proxy import ATTEMPTS, MISDIRECTED, UNAUTHORIZED, BadGateway, Refused
from gestalt_gateway.refused_upgrade import RefusedUpgrade
from gestalt_gateway.request import Request, from_handshake
from gestalt_gateway.routing import Kind, template_of
from gestalt_gateway.tunnel import REVOKED, WORKER_GONE, Tunnel
from gestalt_gateway.upstreams import Destination, Tried, Upstreams

SWITCHING = 101
TERMINAL_NOT_FOUND = 4404
INTERNAL_ERROR = 1011

log = structlog.get_logger(__name__)


class Tunnels(Struct, frozen=True):
    """What opening a tunnel needs; given to uvicorn's protocol through the lifespan's state."""

    door: Door
    upstreams: Upstreams
    forwarding: Forwarding
    lines: Lifelines
    metrics: Metrics
    access: AccessLog
    clock: Callable[[], float] = time.monotonic


class Upgrade(asyncio.Protocol):
    """One upgrade request, until it is a tunnel, refused, or accepted and closed.

    uvicorn makes it, calls `connection_made` and `data_received` with the whole request, and gives it the transport.
    """

    def __init__(self, config: Any, server_state: Any, app_state: dict[str, Any]) -> None:  # noqa: ARG002 - uvicorn's
        self._server_state = server_state
        self._tunnels: Tunnels = app_state["tunnels"]
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count among the connections that a stop waits for."""
        self._transport = cast("asyncio.Transport", transport)
        self._server_state.connections.add(self)

    def data_received(self, data: bytes) -> None:
        """Begin with the request; a client has nothing more to say before it is answered."""
        self._transport.pause_reading()
        peer = self._transport.get_extra_info("peername")
        request = from_handshake(data, str(peer[0]) if peer else "")
        self._task = asyncio.get_running_loop().create_task(self._open(request), name="open a tunnel")
        self._server_state.tasks.add(self._task)
        self._task.add_done_callback(self._server_state.tasks.discard)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """The client went before it was answered, or after its refusal."""
        self._leave()
        if self._task is not None:
            self._task.cancel()

    def shutdown(self) -> None:
        """The server stops (uvicorn's word for it): nothing new begins."""
        if self._task is not None:
            self._task.cancel()
        self._transport.close()

    async def _open(self, request: Request) -> None:
        started = self._tunnels.clock()
        status, template = await self._answered(request), template_of(request.path)
        seconds = self._tunnels.clock() - started
        self._tunnels.access.answered(request, template, status, seconds)
        self._tunnels.metrics.answered(request.method, template, status, seconds)

    async def _answered(self, request: Request) -> int:
        """Answer the request one way or another; its status, for the log."""
        try:
            admitted = await self._tunnels.door.admit(request)
            if admitted.route.kind is not Kind.WEBSOCKET:
                raise InvalidRequest("this route is not a WebSocket")  # noqa: TRY301 - one place renders refusals
            handshake.check(request)
            return await self._connect(admitted)
        except GestaltError as error:
            self._refuse(error, request)
            return error.status
        except Exception:
            log.exception("upgrade failed", request_id=request.id.decode("latin-1"))
            self._transport.abort()
            return 500

    async def _connect(self, admitted: Admitted) -> int:
        """Reach the service; what a browser could not read as a status is told as a close code. The status."""
        try:
            return await self._reach(admitted)
        except NotFound as error:
            self._accept_and_close(admitted.request, TERMINAL_NOT_FOUND, error.message)
        except Unavailable as error:
            self._accept_and_close(admitted.request, WORKER_GONE[0], error.message)
        except GestaltError as error:
            self._accept_and_close(admitted.request, INTERNAL_ERROR, error.message)
        return SWITCHING

    async def _reach(self, admitted: Admitted) -> int:
        tried = Tried()
        for _ in range(ATTEMPTS):
            destination = await self._tunnels.upstreams.destination(admitted.route, admitted.ref, tried)
            try:
                dialed = await self._dial(admitted, destination)
            except Refused:
                self._tunnels.upstreams.refused(destination.address)
                tried.addresses.add(destination.address)
                continue
            if dialed.answer.status != MISDIRECTED:
                return self._hand_over(admitted, destination, dialed)
            dialed.transport.abort()
            tried.misdirected.add(destination)
        raise worker_unavailable()

    async def _dial(self, admitted: Admitted, destination: Destination) -> Dialed:
        request = self._tunnels.forwarding.upgrade(admitted, destination)
        return await dial(destination.address, request, destination.lifeline, self._tunnels.lines)

    def _hand_over(self, admitted: Admitted, destination: Destination, dialed: Dialed) -> int:
        """Give the transport to who goes on with it."""
        status = dialed.answer.status
        if status == UNAUTHORIZED:
            dialed.transport.abort()
            raise BadGateway("the service does not take this gateway's internal token")
        if status == SWITCHING:
            self._begin(admitted, destination, dialed)
        else:
            RefusedUpgrade(self._transport, dialed.transport).begin(dialed.answer.head + dialed.answer.rest)
        return status

    def _begin(self, admitted: Admitted, destination: Destination, dialed: Dialed) -> None:
        started = self._tunnels.clock()
        tunnel = Tunnel(self._transport, dialed.transport, partial(self._closed, admitted, started))
        lines = self._tunnels.lines
        if destination.lifeline is not None:
            tunnel.holds(lines.hold(destination.lifeline, partial(tunnel.end, *WORKER_GONE)))
        credential = lifelines.of_credential(admitted.principal.credential)
        tunnel.holds(lines.hold(credential, partial(tunnel.end, *REVOKED)))
        self._pass_on(tunnel)
        self._tunnels.metrics.tunnel_opened()
        tunnel.begin(dialed.answer.head, dialed.answer.rest)

    def _closed(self, admitted: Admitted, started: float, tunnel: Tunnel, how: str) -> None:
        self._server_state.connections.discard(tunnel)
        self._tunnels.metrics.tunnel_closed(how, down=tunnel.sent, up=tunnel.received)
        log.info(
            "tunnel closed",
            request_id=admitted.request.id.decode("latin-1"),
            route=admitted.route.template,
            how=how,
            seconds=round(self._tunnels.clock() - started, 1),
            sent=tunnel.sent,
            received=tunnel.received,
        )

    def _accept_and_close(self, request: Request, code: int, reason: str) -> None:
        connections = self._server_state.connections
        farewell = Farewell(self._transport, FrameWalker(), lambda: connections.discard(farewell))
        self._pass_on(farewell)
        farewell.say(handshake.accept(request) + close_frame(code, reason))

    def _refuse(self, error: GestaltError, request: Request) -> None:
        self._transport.write(handshake.refuse(error, request.id))
        self._transport.close()

    def _pass_on(self, successor: Any) -> None:
        """From now on a stop of the server concerns `successor`."""
        self._leave()
        self._task = None
        self._server_state.connections.add(successor)

    def _leave(self) -> None:
        self._server_state.connections.discard(self)
