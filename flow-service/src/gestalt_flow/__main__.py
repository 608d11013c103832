"""Start flow-service: `python -m gestalt_flow [--standby]`."""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import secrets
import signal
import socket
import sys
from contextlib import AsyncExitStack
from functools import partial
from ipaddress import ip_address

import uvloop
from pydantic import ValidationError

from gestalt_contracts.channels import Names
from gestalt_contracts.redis_bus import RedisBus
from gestalt_contracts.redis_client import create_redis
from gestalt_flow import logs
from gestalt_flow.app import Replica
from gestalt_flow.line_redis import WAIT_SECONDS
from gestalt_flow.server import Server, config_of, listening, parent_gone
from gestalt_flow.settings import Settings


def main() -> None:
    """Read settings, bind, serve until told to stop. What is wrong is one line on stderr and exit code 1."""
    standby = "--standby" in sys.argv[1:]
    if standby and not sys.stdin.readline():
        return  # the parent ended before it needed us
    settings = read_settings()
    logs.configure()
    _allow_many_connections()
    listener = _listener(settings)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, listener, watch_parent=standby))


def read_settings() -> Settings:
    """The settings of the environment. Raises SystemExit with one line on what is wrong with them."""
    try:
        settings = Settings()
        token = settings.token
    except ValidationError as error:
        sys.exit("flow-service: " + "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()))
    except OSError as error:
        sys.exit(f"flow-service: cannot read {error.filename}: {error.strerror}")
    if not token:
        sys.exit("flow-service: GESTALT_INTERNAL_TOKEN is empty")
    return settings


def _listener(settings: Settings) -> socket.socket:
    try:
        return listening(settings.host, settings.port)
    except OSError as error:
        sys.exit(f"flow-service: cannot listen on {settings.host}:{settings.port}: {error.strerror}")


def advertised(host: str, port: int) -> str:
    """Where gateways reach a replica bound to `host`: there, or, bound to every address, at its machine's own.

    Raises SystemExit with one line when the machine does not know its address.
    """
    if not ip_address(host).is_unspecified:
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        return f"{socket.gethostbyname(socket.gethostname())}:{port}"
    except OSError as error:
        sys.exit(f"flow-service: listens on {host} and finds no address of its own, set GESTALT_ADVERTISE: {error}")


def _allow_many_connections() -> None:
    """Webhooks take descriptors: raise our own soft limit as far as we may."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _say_ready(url: str) -> None:
    """The line that the parent waits for. What lives by now stays: the collector need not go over it, 10 ms a time."""
    gc.freeze()
    print(f"ready {url}", flush=True)  # noqa: T201 - it is read by the parent


async def _serve(settings: Settings, listener: socket.socket, *, watch_parent: bool) -> None:
    host, port = listener.getsockname()[:2]
    async with AsyncExitStack() as stack:
        client = create_redis(settings.redis_url, name="gestalt-flow")
        stack.push_async_callback(client.aclose)
        patient = create_redis(settings.redis_url, name="gestalt-flow-waiting", patience=WAIT_SECONDS)
        stack.push_async_callback(patient.aclose)
        replica = Replica(
            settings,
            instance=f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}",
            address=settings.advertise or advertised(host, port),
            client=client,
            patient=patient,
            bus=RedisBus(client, Names(settings.namespace)),
            environment=dict(os.environ),
        )
        ready = partial(_say_ready, f"http://{host}:{port}")
        server = Server(config_of(replica), stop=replica.stopping.set, ready=ready)
        if watch_parent:
            stack.enter_context(parent_gone(lambda: server.handle_exit(signal.SIGTERM, None)))
        await server.serve(sockets=[listener])


if __name__ == "__main__":
    main()
