"""HTTP and event streams through the gateway: streamed both ways, never a hang (architecture §4)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from typing import ClassVar

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from gestalt_contracts.auth import Receive
from gestalt_contracts.errors import GestaltError, TimedOut, worker_unavailable
from gestalt_gateway import lifelines
from gestalt_gateway.answers import Reply
from gestalt_gateway.body import HungUp, RequestBody
from gestalt_gateway.door import Admitted
from gestalt_gateway.forwarding import Forwarding
from gestalt_gateway.headers import Headers, back
from gestalt_gateway.lifelines import Ending, Fuse, Lifelines
from gestalt_gateway.routing import Kind, Upstream
from gestalt_gateway.upstreams import Destination, Tried, Upstreams, unavailable

CONNECT_SECONDS = 1.0
"""Longest wait for a connection to a service: they are near."""

ANSWER_SECONDS = 60.0
"""Longest wait for a whole answer that is no stream, once the request is there; input waits 10 s for a program."""

IDLE_SECONDS = 4.0
"""An unused connection is closed before the service's own keep-alive (5 s) ends, so that none dies under a request."""

CONNECTIONS = 256
"""To one service at once, streams not counted; what is beyond waits its turn."""

ATTEMPTS = 3
"""Destinations tried for one request: the first, the one that is known better, one more."""

DOCUMENT_SECONDS = 2.0
"""Longest wait for a service's description of its API: the page shows what there is."""

OK = 200
MISDIRECTED = 421
UNAUTHORIZED = 401
AUTO_HEADERS = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
STREAMS = frozenset({Kind.SSE, Kind.BYTES})


class BadGateway(GestaltError):
    """The upstream broke off, and whether it did what was asked is not known."""

    status: ClassVar[int] = 502


class Refused(Exception):
    """Nobody listens there: nothing was sent."""


class Broken(Exception):
    """The upstream went away in the middle."""


class Proxy:
    """Forwards admitted requests. Enter it before use: it holds the connection pools."""

    def __init__(self, upstreams: Upstreams, lines: Lifelines, forwarding: Forwarding) -> None:
        self._upstreams = upstreams
        self._lines = lines
        self._forwarding = forwarding

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Proxy]:
        """Hold two pools: one bounded, for requests that end, one for streams, which may be many and last."""
        async with _session(CONNECTIONS) as self._requests, _session(0) as self._streams:
            yield self

    async def forward(self, admitted: Admitted, receive: Receive, reply: Reply) -> None:
        """Answer `admitted` by its upstream. Raises GestaltError while nothing has been answered, else Broken."""
        body = RequestBody(receive, admitted.body_limit)
        await body.read_head()
        tried = Tried()
        for _ in range(ATTEMPTS):
            destination = await self._upstreams.destination(admitted.route, admitted.ref, tried)
            try:
                if await self._attempt(admitted, destination, body, receive, reply):
                    return
                tried.misdirected.add(destination)
            except Refused:
                self._upstreams.refused(destination.address)
                tried.addresses.add(destination.address)
            if body.streaming:
                break
        raise _nobody(admitted)

    async def document(self, address: str) -> bytes | None:
        """What the service at `address` says of its API; None when it says nothing in time."""
        headers = _multidict([self._forwarding.bearer])
        limit = aiohttp.ClientTimeout(total=DOCUMENT_SECONDS)
        try:
            async with self._requests.get(f"http://{address}/openapi.json", headers=headers, timeout=limit) as response:
                return await response.read() if response.status == OK else None
        except (aiohttp.ClientError, TimeoutError):
            return None

    async def _attempt(
        self, admitted: Admitted, destination: Destination, body: RequestBody, receive: Receive, reply: Reply
    ) -> bool:
        """True when answered, False when the worker does not hold that session. Raises as `forward`, and Refused."""
        fuse = Fuse()
        try:
            with ExitStack() as holding:
                self._hold(holding, fuse, admitted, destination)
                async with fuse, _hangup_watched(fuse, admitted, body, receive):
                    return await self._exchange(admitted, destination, body, reply, fuse)
        except TimeoutError as error:
            return await self._ended_early(fuse.ending, admitted, reply, error)

    def _hold(self, holding: ExitStack, fuse: Fuse, admitted: Admitted, destination: Destination) -> None:
        def hold(key: str, ending: Ending) -> None:
            holding.callback(self._lines.hold(key, lambda: fuse.blow(ending)))

        if destination.lifeline is not None:
            hold(destination.lifeline, Ending.WORKER_GONE)
        if admitted.route.kind in STREAMS:
            hold(lifelines.STOPPING, Ending.STOPPING)
            hold(lifelines.of_credential(admitted.principal.credential), Ending.REVOKED)

    async def _exchange(
        self, admitted: Admitted, destination: Destination, body: RequestBody, reply: Reply, fuse: Fuse
    ) -> bool:
        streaming = admitted.route.kind in STREAMS
        session = self._streams if streaming else self._requests
        if body.complete:
            fuse.arm(ANSWER_SECONDS)
        try:
            async with session.request(
                admitted.request.method,
                URL(f"http://{destination.address}{self._forwarding.target(admitted)}", encoded=True),
                headers=_multidict(self._forwarding.headers(admitted, destination, sized=not body.complete)),
                data=(body.kept or None) if body.complete else body.stream(lambda: fuse.arm(ANSWER_SECONDS)),
                allow_redirects=False,
            ) as response:
                if response.status == MISDIRECTED:
                    return False
                if response.status == UNAUTHORIZED:
                    raise BadGateway("the service does not take this gateway's internal token")
                if streaming:
                    fuse.disarm()
                    reply.lasted = True
                await reply.start(response.status, back(response.raw_headers, admitted.request.id))
                async for chunk in response.content.iter_any():
                    await reply.write(chunk)
                await reply.end()
                return True
        except aiohttp.ClientError as error:
            raise _told(error, body, admitted, reply) from error

    async def _ended_early(self, ending: Ending | None, admitted: Admitted, reply: Reply, error: TimeoutError) -> bool:
        if ending is Ending.HANGUP:
            raise HungUp from error
        if reply.status is None:
            raise _refusal_of(ending) from error
        if admitted.route.kind is not Kind.SSE:
            raise Broken(str(ending)) from error
        await reply.end()
        return True


def _session(limit: int) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, limit_per_host=limit, keepalive_timeout=IDLE_SECONDS),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        skip_auto_headers=AUTO_HEADERS,
        timeout=aiohttp.ClientTimeout(sock_connect=CONNECT_SECONDS),
    )


def _multidict(headers: Headers) -> CIMultiDict[str]:
    return CIMultiDict((name.decode("latin-1"), _text(value)) for name, value in headers)


def _text(value: bytes) -> str:
    """The client library writes UTF-8: what is none goes on as Latin-1, its characters kept."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


@asynccontextmanager
async def _hangup_watched(fuse: Fuse, admitted: Admitted, body: RequestBody, receive: Receive) -> AsyncIterator[None]:
    """Blow `fuse` when the client goes; not once a whole body was taken: what was asked for is then done."""
    if admitted.request.method != "GET" or not body.complete:
        yield
        return

    async def watch() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        fuse.blow(Ending.HANGUP)

    watching = asyncio.create_task(watch(), name="watch for a hang-up")
    try:
        yield
    finally:
        watching.cancel()


def _told(error: aiohttp.ClientError, body: RequestBody, admitted: Admitted, reply: Reply) -> Exception:
    """What a failure of the connection to the upstream means."""
    if body.hung_up:
        return HungUp()
    if isinstance(error, (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)):
        return Refused(str(error))
    if reply.status is not None:
        return Broken(str(error))
    if body.refusal is not None:
        return body.refusal
    if admitted.request.method == "GET":
        return _nobody(admitted)
    return BadGateway("the service broke off; whether it did what was asked is not known")


def _nobody(admitted: Admitted) -> GestaltError:
    if admitted.route.upstream is Upstream.OWNER:
        return worker_unavailable()
    return unavailable("service unavailable")


def _refusal_of(ending: Ending | None) -> GestaltError:
    if ending is Ending.WORKER_GONE:
        return worker_unavailable()
    if ending in {Ending.STOPPING, Ending.REVOKED}:
        return unavailable(str(ending))
    return TimedOut("the service did not answer in time")
