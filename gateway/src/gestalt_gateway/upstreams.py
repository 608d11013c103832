"""Which process answers an admitted request, and what to try when it does not."""

from __future__ import annotations

from msgspec import Struct, field

from gestalt_contracts.directory import DirectoryUnavailable, WorkerRecord
from gestalt_contracts.errors import NotFound, Unavailable, worker_unavailable
from gestalt_gateway import lifelines
from gestalt_gateway.live_directory import LiveDirectory
from gestalt_gateway.routing import JOURNAL, Kind, Route, Upstream
from gestalt_gateway.services import Services
from gestalt_gateway.session_table import Place

SERVICES = {Upstream.FLOW: "flow", Upstream.TELEMETRY: "telemetry"}


class Destination(Struct, frozen=True):
    """Where to send a request. `uid`: the session it was resolved to; `lifeline`: cut when the process dies.

    `generation`: the lease under which the worker is known; one that was away does nothing sent under an older one.
    """

    address: str
    uid: str | None = None
    lifeline: str | None = None
    generation: int | None = None


class Tried(Struct):
    """What has been tried for one request in vain: nobody listened there, or the worker does not hold that uid."""

    addresses: set[str] = field(default_factory=set)
    misdirected: set[Destination] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.addresses or self.misdirected)

    def has(self, destination: Destination) -> bool:
        """Whether trying this again is pointless."""
        return destination.address in self.addresses or destination in self.misdirected


class Upstreams:
    """Resolves routes to addresses."""

    def __init__(self, live: LiveDirectory, services: Services) -> None:
        self._live = live
        self._services = services

    async def destination(self, route: Route, ref: str | None, tried: Tried) -> Destination:
        """Who answers, none of those that were `tried` for this request.

        Raises Unavailable when nobody can, NotFound when the session cannot be anywhere.
        """
        try:
            if route.upstream is Upstream.OWNER:
                return await self._owner(route, ref or "", tried)
            if route.upstream in SERVICES:
                return await self._service(SERVICES[route.upstream], tried)
        except DirectoryUnavailable as error:
            raise unavailable("directory unavailable") from error
        return self._worker(route.upstream, tried)

    def refused(self, address: str) -> None:
        """Nobody listens at this address."""
        self._live.suspect(address)
        self._services.refused(address)

    async def _owner(self, route: Route, ref: str, tried: Tried) -> Destination:
        place = await self._live.place(ref, again=bool(tried))
        if place is None or (place.ended and route.template not in JOURNAL):
            return self._anyone_for_unknown(route, tried)
        worker = self._live.worker(place.worker)
        if worker is not None and not tried.has(destination := _to(worker, place)):
            return destination
        orphaned = place.ended or (place.lost and route.template in JOURNAL)
        if orphaned and (other := self._live.any_worker(tried.addresses)) is not None:
            destination = _to(other, place)  # a slot without a worker is readable for those that share its volume
            if not tried.has(destination):
                return destination
        raise worker_unavailable()

    def _anyone_for_unknown(self, route: Route, tried: Tried) -> Destination:
        """Refusals of query and body come before the 404, and only a worker can tell them."""
        worker = self._live.any_worker(tried.addresses) if route.kind is not Kind.WEBSOCKET else None
        if worker is None:
            raise NotFound("terminal not found")
        return _to(worker)

    def _worker(self, upstream: Upstream, tried: Tried) -> Destination:
        choose = self._live.placement if upstream is Upstream.PLACEMENT else self._live.any_worker
        worker = choose(tried.addresses)
        if worker is None:
            raise unavailable("session service unavailable")
        return _to(worker)

    async def _service(self, name: str, tried: Tried) -> Destination:
        address = await self._services.address(name)
        if address is None or address in tried.addresses:
            raise unavailable(f"{name} service unavailable")
        return Destination(address)


def unavailable(message: str) -> Unavailable:
    """503 `service_unavailable`, worth another try soon."""
    return Unavailable(message, headers={"Retry-After": "1"})


def _to(worker: WorkerRecord, place: Place | None = None) -> Destination:
    uid = place.uid if place is not None else None
    return Destination(worker.address, uid, lifelines.of_worker(worker.id), worker.generation)
