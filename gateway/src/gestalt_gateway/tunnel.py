"""A WebSocket through the gateway: bytes copied both ways with back-pressure, ended at a frame boundary.

Nothing is re-framed. The walkers know where frames end, so that the tunnel can close with a word of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from gestalt_gateway.farewell import Farewell
from gestalt_gateway.frames import FrameWalker, close_frame
from gestalt_gateway.gathering import LARGEST, SMALLEST, Gathering
from gestalt_gateway.lifelines import Release

BUFFERED_BYTES = 64 * 1024
"""What is kept for a peer that does not read before the other side is told to wait."""

BOUNDARY_SECONDS = 0.5
"""How long the rest of a frame is waited for when a tunnel is to end; then it is cut inside it."""

LINGER_SECONDS = 60.0
"""How long a client that reads slowly may take for the last bytes of a tunnel that ended in order."""

STOPPING = (1001, "server stopping")
WORKER_GONE = (1013, "worker unavailable")
REVOKED = (1008, "credential revoked")

Done = Callable[["Tunnel", str], None]


class Tunnel:
    """Both legs and what ends them. `done` is called once, when the client's leg is gone, with how it ended."""

    def __init__(self, client: asyncio.Transport, upstream: asyncio.Transport, done: Done) -> None:
        self.client = client
        self.upstream = upstream
        self.down = FrameWalker()  # service → client
        self.up = FrameWalker()  # client → service
        self.reading = Gathering(upstream)
        self.sent = 0  # bytes to the client
        self.received = 0  # bytes from it
        self._done = done
        self._ending: tuple[int, str] | None = None
        self._how = "client"
        self._releases: list[Release] = []
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, head: bytes, rest: bytes) -> None:
        """Pass on the service's 101 and what it sent with it, then copy."""
        for transport in (self.client, self.upstream):
            transport.set_write_buffer_limits(high=BUFFERED_BYTES)
        self.client.set_protocol(ClientLeg(self))
        self.upstream.set_protocol(UpstreamLeg(self))
        self.client.write(head)
        if rest:
            self.from_upstream(rest)
        self.client.resume_reading()
        self.upstream.resume_reading()

    def holds(self, release: Release) -> None:
        """Release this lifeline when the tunnel is gone."""
        self._releases.append(release)

    def shutdown(self) -> None:
        """The server stops (uvicorn's word for it)."""
        if self.client.is_closing():
            self._cut()
        else:
            self.end(*STOPPING)

    def end(self, code: int, reason: str) -> None:
        """Close with a word of our own at the next frame boundary; the first reason counts."""
        if self._ending is not None or self.client.is_closing():
            return
        self._ending = (code, reason)
        if self.down.closed or self.down.at_boundary:
            self._say_goodbye()
        else:
            self.reading.stop()
            self._cut_after(BOUNDARY_SECONDS)

    def from_upstream(self, data: bytes) -> None:
        """Bytes for the client."""
        if self._ending is not None:
            self._finish_frame(data)
            return
        size = len(data)
        self.down.feed(data)
        self.sent += size
        self.client.write(data)
        if SMALLEST <= size < LARGEST:
            self.reading.came(size)

    def _finish_frame(self, data: bytes) -> None:
        boundary = self.down.feed_to_boundary(data)
        self.client.write(data if boundary is None else data[:boundary])
        if boundary is not None:
            self._say_goodbye()

    def _say_goodbye(self) -> None:
        code, reason = self._ending or WORKER_GONE
        if code == REVOKED[0] and self.up.at_boundary and not self.up.closed:
            self.upstream.write(close_frame(code, reason, masked=True))  # the viewer left, it does not lag
        self.upstream.close()
        last = b"" if self.down.closed else close_frame(code, reason)
        self._how = str(code)
        self._stop_timer()
        Farewell(self.client, self.up, self._gone).say(last)

    def upstream_lost(self) -> None:
        """The service's side is gone: in order after its Close, else told at a boundary, else cut."""
        if self._ending is not None:
            if not self.client.is_closing() and not self.down.at_boundary:
                self.client.close()
        elif self.down.closed:
            self._how = "service"
            self.client.close()
            self._cut_after(LINGER_SECONDS)
        elif self.down.at_boundary:
            self.end(*WORKER_GONE)
        else:
            self._how = "cut"
            self.client.close()
            self._cut_after(LINGER_SECONDS)

    def client_lost(self) -> None:
        """The client's side is gone."""
        self.upstream.close()
        self._gone()

    def _gone(self) -> None:
        self._stop_timer()
        for release in self._releases:
            release()
        self._releases.clear()
        self._done(self, self._how)

    def _cut_after(self, seconds: float) -> None:
        self._stop_timer()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._cut)

    def _cut(self) -> None:
        self.upstream.abort()
        self.client.abort()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class ClientLeg(asyncio.Protocol):
    """What the client sends, and whether it reads."""

    def __init__(self, tunnel: Tunnel) -> None:
        self._tunnel = tunnel

    def data_received(self, data: bytes) -> None:
        """Pass on."""
        tunnel = self._tunnel
        tunnel.up.feed(data)
        tunnel.received += len(data)
        tunnel.upstream.write(data)

    def pause_writing(self) -> None:
        """The client does not read: neither do we."""
        self._tunnel.reading.hold()

    def resume_writing(self) -> None:
        """It reads again."""
        self._tunnel.reading.release()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """The client went."""
        self._tunnel.client_lost()


class UpstreamLeg(asyncio.Protocol):
    """What the service sends, and whether it reads."""

    def __init__(self, tunnel: Tunnel) -> None:
        self._tunnel = tunnel

    def data_received(self, data: bytes) -> None:
        """Pass on."""
        self._tunnel.from_upstream(data)

    def pause_writing(self) -> None:
        """The service does not read: the client waits."""
        if not self._tunnel.client.is_closing():
            self._tunnel.client.pause_reading()

    def resume_writing(self) -> None:
        """It reads again."""
        if not self._tunnel.client.is_closing():
            self._tunnel.client.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """The service went."""
        self._tunnel.upstream_lost()
