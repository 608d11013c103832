"""Where a service listens, and what it tells others of that."""

from __future__ import annotations

import socket
import sys
from ipaddress import ip_address

BACKLOG = 2048
"""Connections waiting to be accepted."""


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises OSError."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)  # here, so that a port that is taken is known before anything starts
    except OSError:
        listener.close()
        raise
    return listener


def bound(service: str, host: str, port: int) -> socket.socket:
    """The socket that `service` listens on. Raises SystemExit with one line that names the port when it is taken."""
    try:
        return listening(host, port)
    except OSError as error:
        sys.exit(f"{service}: cannot listen on {host}:{port}: {error.strerror}")


def advertised(service: str, host: str, port: int) -> str:
    """Where gateways reach a service bound to `host`: there, or, bound to every address, at its machine's own.

    In a container that is the container's. Raises SystemExit with one line when the machine does not know its address.
    """
    if not ip_address(host).is_unspecified:
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        return f"{socket.gethostbyname(socket.gethostname())}:{port}"
    except OSError as error:
        sys.exit(f"{service}: listens on {host} and finds no address of its own, set GESTALT_ADVERTISE: {error}")
