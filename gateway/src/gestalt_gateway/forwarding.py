"""What a service is told beside the request itself: who it is for, whence it came, that we sent it. Pure."""

from __future__ import annotations

from gestalt_gateway.door import Admitted
from gestalt_gateway.headers import Headers, onward
from gestalt_gateway.hosts import HostRules
from gestalt_gateway.request import Request
from gestalt_gateway.routing import SESSION
from gestalt_gateway.upstreams import Destination

UPGRADE_OWN = frozenset({b"sec-websocket-extensions"})
"""Not negotiated through a tunnel: compression would hide the frames' boundaries from nobody, but cost both ends."""

LENGTH = b"content-length"
CAUSE = b"x-gestalt-cause"
LONGEST_CAUSE = 4096
"""Bytes; flow-service keeps it far below that."""


class Forwarding:
    """Builds what goes on the wire to a service."""

    def __init__(self, internal_token: str, hosts: HostRules) -> None:
        self.bearer: tuple[bytes, bytes] = (b"authorization", f"Bearer {internal_token}".encode())
        """The header that services demand."""
        self._hosts = hosts

    def target(self, admitted: Admitted) -> str:
        """Path and query as the client wrote them, but for credentials and the one slash that is tolerated."""
        raw = admitted.request.raw_path
        if admitted.route.template.startswith(SESSION) and raw.endswith(b"/"):
            raw = raw[:-1]
        return (raw + b"?" + admitted.query if admitted.query else raw).decode("latin-1")

    def headers(self, admitted: Admitted, destination: Destination, *, sized: bool) -> Headers:
        """The headers of a plain request; `sized` keeps the client's Content-Length."""
        kept = onward(admitted.request.headers, self._added(admitted, destination))
        return kept if sized else [pair for pair in kept if pair[0] != LENGTH]

    def upgrade(self, admitted: Admitted, destination: Destination) -> bytes:
        """The whole head of a WebSocket upgrade request."""
        kept = onward(admitted.request.headers, self._added(admitted, destination))
        lines = [name + b": " + value for name, value in kept if name not in UPGRADE_OWN and name != LENGTH]
        head = f"GET {self.target(admitted)} HTTP/1.1\r\nhost: {destination.address}\r\n".encode("latin-1")
        return head + b"connection: Upgrade\r\nupgrade: websocket\r\n" + b"\r\n".join(lines) + b"\r\n\r\n"

    def _added(self, admitted: Admitted, destination: Destination) -> Headers:
        request = admitted.request
        added = [self.bearer, (b"x-request-id", request.id), *self._forwarded(request)]
        if request.trace is not None:
            added.append((b"traceparent", request.trace.traceparent.encode()))
        if destination.uid is not None:
            added.append((b"x-gestalt-uid", destination.uid.encode()))
        if destination.generation is not None:
            added.append((b"x-gestalt-generation", b"%d" % destination.generation))
        cause = request.header(CAUSE) if admitted.principal.service else None
        if cause is not None and len(cause) <= LONGEST_CAUSE:
            added.append((CAUSE, cause))
        if admitted.principal.session_uid is not None:
            added.append((b"x-gestalt-session", admitted.principal.session_uid.encode()))
        return added

    def _forwarded(self, request: Request) -> Headers:
        host = request.host or ""
        return [
            (b"x-forwarded-for", request.client.encode("latin-1")),
            (b"x-forwarded-host", host.encode("latin-1")),
            (b"x-forwarded-proto", self._hosts.scheme(host).encode()),
        ]
