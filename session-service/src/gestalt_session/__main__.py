"""Start a session worker: `python -m gestalt_session [--standby]`."""

from __future__ import annotations

import asyncio
import gc
import os
import resource
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
from gestalt_contracts.redis_directory import RedisDirectory
from gestalt_contracts.redis_idempotency import RedisIdempotency
from gestalt_contracts.service_logs import LogOutbox
from gestalt_session import logs
from gestalt_session.app import Worker, claim
from gestalt_session.server import Server, config_of, listening, parent_gone
from gestalt_session.settings import Settings


def main() -> None:
    """Read settings, bind, serve until told to stop. What is wrong is one line on stderr and exit code 1."""
    standby = "--standby" in sys.argv[1:]
    if standby and not sys.stdin.readline():
        return  # the parent ended before it needed us
    settings = read_settings()
    outbox = LogOutbox("session")
    logs.configure(outbox)
    open_files = _allow_many_files()
    listener = _listener(settings)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, listener, open_files, outbox, watch_parent=standby))


def read_settings() -> Settings:
    """The settings of the environment. Raises SystemExit with one line on what is wrong with them."""
    try:
        settings = Settings()
    except ValidationError as error:
        sys.exit("session worker: " + "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()))
    if not settings.token:
        sys.exit("session worker: GESTALT_INTERNAL_TOKEN is empty")
    return settings


def _listener(settings: Settings) -> socket.socket:
    try:
        return listening(settings.host, settings.port)
    except OSError as error:
        sys.exit(f"session worker: cannot listen on {settings.host}:{settings.port}: {error.strerror}")


def advertised(host: str, port: int) -> str:
    """Where gateways reach a worker bound to `host`: there, or, bound to every address, at its machine's own.

    In a container that is the container's. Raises SystemExit with one line when the machine does not know its address.
    """
    if not ip_address(host).is_unspecified:
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        return f"{socket.gethostbyname(socket.gethostname())}:{port}"
    except OSError as error:
        sys.exit(f"session worker: listens on {host} and finds no address of its own, set GESTALT_ADVERTISE: {error}")


def _allow_many_files() -> int:
    """A session takes up to eight descriptors, a viewer one: raise our own soft limit as far as we may; what it was."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return soft


def _say_ready(url: str) -> None:
    """The line that the parent waits for. What lives by now stays: the collector need not go over it, 10 ms a time."""
    gc.freeze()
    print(f"ready {url}", flush=True)  # noqa: T201 - it is read by the parent


async def _serve(
    settings: Settings, listener: socket.socket, open_files: int, outbox: LogOutbox, *, watch_parent: bool
) -> None:
    names = Names(settings.namespace)
    host, port = listener.getsockname()[:2]
    async with AsyncExitStack() as stack:
        try:
            slot = await claim(settings)
        except OSError as error:
            sys.exit(f"session worker: {error}")
        stack.callback(slot.release)
        client = create_redis(settings.redis_url, name="gestalt-session")
        stack.push_async_callback(client.aclose)
        server: Server

        def stop() -> None:
            server.handle_exit(signal.SIGTERM, None)

        worker = Worker(
            settings,
            slot=slot,
            address=settings.advertise or advertised(host, port),
            directory=RedisDirectory(client, names),
            bus=RedisBus(client, names),
            log_outbox=outbox,
            idempotency=RedisIdempotency(client, names),
            inherited=dict(os.environ),
            names=names,
            open_files=open_files,
            empty=stop,
        )
        url = f"http://{host}:{port}"
        server = Server(config_of(worker), stop=worker.stopping.set, ready=partial(_say_ready, url))
        if watch_parent:
            stack.enter_context(parent_gone(stop))
        await server.serve(sockets=[listener])


if __name__ == "__main__":
    main()
