"""The public port: `up` listens on it from the first moment to the last, each gateway process inherits the socket.

So no second `up` can slip in between two gateways, and whoever connects while a killed gateway is replaced waits a
moment in the backlog and is not refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import socket
from collections.abc import AsyncIterator

from gestalt_cli.api import url_of
from gestalt_cli.errors import CommandFailed
from gestalt_cli.stack.waiting import until

BACKLOG = 2048
"""Connections that may wait while no gateway accepts; uvicorn's own number."""


@contextlib.asynccontextmanager
async def opened(host: str, port: int, deadline: float) -> AsyncIterator[socket.socket]:
    """A listening socket; port 0 takes a free one. Raises CommandFailed if it is somebody's until the deadline."""
    family, address = await resolve(host, port)
    with socket.socket(family, socket.SOCK_STREAM) as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if not await until(lambda: bound(door, address), deadline):
            raise CommandFailed(f"gestalt up: port {port} of {host} is already in use; choose another with --port")
        door.listen(BACKLOG)
        yield door


async def resolve(host: str, port: int) -> tuple[socket.AddressFamily, tuple[str, int]]:
    """The address that a host name stands for. Raises CommandFailed for an unknown one."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise CommandFailed(f"gestalt up: cannot listen on {host}: {error.strerror}") from error
    family, *_, address = found[0]
    return family, (str(address[0]), int(address[1]))


def bound(door: socket.socket, address: tuple[str, int]) -> bool:
    """Try to take the address; whether it is ours. Raises CommandFailed for what waiting does not mend."""
    try:
        door.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return False
        raise CommandFailed(
            f"gestalt up: cannot listen on port {address[1]} of {address[0]}: {error.strerror}"
        ) from error
    return True


def is_loopback(door: socket.socket) -> bool:
    """Whether only this machine can come in."""
    return ipaddress.ip_address(door.getsockname()[0]).is_loopback


def url(door: socket.socket) -> str:
    """How a client on this machine reaches it."""
    address, port = door.getsockname()[:2]
    return url_of(address, port)
