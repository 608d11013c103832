"""Opening the service's leg of a tunnel: connect, send the upgrade request, read the answer's head."""

from __future__ import annotations

import asyncio
import socket
from typing import cast

from msgspec import Struct

from gestalt_contracts.errors import TimedOut, worker_unavailable
from gestalt_gateway.handshake import Answered, MalformedAnswer, answered
from gestalt_gateway.lifelines import Ending, Fuse, Lifelines
from gestalt_gateway.proxy import CONNECT_SECONDS, BadGateway, Refused

ANSWER_SECONDS = 10.0
"""Longest wait for the answer to an upgrade: a service answers at once or is stuck."""

RECEIVED_BYTES = 1024 * 1024
"""About what the kernel keeps of a service's words while the client is slow. Left to itself it keeps up to 32 MB: sent,
as the worker sees it, and lost when this gateway dies, which is more than a journal has room for."""


class Dialed(Struct, frozen=True):
    """A connection on which a service has answered; it is not read from until somebody resumes it."""

    transport: asyncio.Transport
    answer: Answered


class Dialing(asyncio.Protocol):
    """Sends a request and collects the head of its answer."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._received = b""
        self.answer: asyncio.Future[Answered] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        self._transport = cast("asyncio.Transport", transport)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVED_BYTES)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Collect; what follows the head waits in the kernel."""
        self._received += data
        try:
            found = answered(self._received)
        except MalformedAnswer as error:
            self._settle(error)
            return
        if found is not None and not self.answer.done():
            self._transport.pause_reading()
            self.answer.set_result(found)

    def connection_lost(self, exc: Exception | None) -> None:
        """Gone before it answered."""
        self._settle(exc or ConnectionResetError("closed before it answered"))

    def _settle(self, error: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)


async def dial(address: str, request: bytes, lifeline: str | None, lines: Lifelines) -> Dialed:
    """Connect to `address` and send `request`.

    Raises Refused when nobody listens, BadGateway or TimedOut when somebody does but does not answer properly, and
    Unavailable when the worker's lease runs out meanwhile.
    """
    transport, protocol = await _connected(address, request)
    fuse = Fuse()
    release = lines.hold(lifeline, lambda: fuse.blow(Ending.WORKER_GONE)) if lifeline else None
    try:
        async with fuse:
            fuse.arm(ANSWER_SECONDS)
            return Dialed(transport, await protocol.answer)
    except BaseException as error:
        transport.abort()
        if isinstance(error, TimeoutError):
            raise worker_unavailable() if fuse.ending else TimedOut("the service did not answer in time") from error
        if isinstance(error, (OSError, MalformedAnswer)):
            raise BadGateway("the service broke off the upgrade") from error
        raise
    finally:
        if release is not None:
            release()


async def _connected(address: str, request: bytes) -> tuple[asyncio.Transport, Dialing]:
    host, _, port = address.rpartition(":")
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            return await asyncio.get_running_loop().create_connection(
                lambda: Dialing(request), host.strip("[]"), int(port)
            )
    except (OSError, TimeoutError) as error:
        raise Refused(str(error)) from error
