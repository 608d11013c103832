"""Start a session worker: `python -m gestalt_session`."""

from __future__ import annotations

import asyncio
import os
import resource
import socket
import sys
from contextlib import AsyncExitStack
from functools import partial

import uvloop
from pydantic import ValidationError

from gestalt_contracts.channels import Names
from gestalt_contracts.redis_bus import RedisBus
from gestalt_contracts.redis_client import create_redis
from gestalt_contracts.redis_directory import RedisDirectory
from gestalt_contracts.redis_idempotency import RedisIdempotency
from gestalt_contracts.service_logs import LogOutbox
from gestalt_serving import logs
from gestalt_serving.parent import say_ready
from gestalt_serving.server import Server
from gestalt_serving.sockets import advertised, bound
from gestalt_session.app import Worker, claim
from gestalt_session.server import config_of
from gestalt_session.settings import Settings

SERVICE = "session worker"


def main() -> None:
    """Read settings, bind, serve until told to stop. What is wrong is one line on stderr and exit code 1."""
    settings = read_settings()
    outbox = LogOutbox("session")
    logs.configure(outbox)
    open_files = _allow_many_files()
    listener = bound(SERVICE, settings.host, settings.port)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, listener, open_files, outbox))


def read_settings() -> Settings:
    """The settings of the environment. Raises SystemExit with one line on what is wrong with them."""
    try:
        settings = Settings()
    except ValidationError as error:
        sys.exit("session worker: " + "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()))
    if not settings.token:
        sys.exit("session worker: GESTALT_INTERNAL_TOKEN is empty")
    return settings


def _allow_many_files() -> int:
    """A session takes up to eight descriptors, a viewer one: raise our own soft limit as far as we may; what it was."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return soft


async def _serve(settings: Settings, listener: socket.socket, open_files: int, outbox: LogOutbox) -> None:
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
            server.stop()

        worker = Worker(
            settings,
            slot=slot,
            address=settings.advertise or advertised(SERVICE, host, port),
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
        server = Server(config_of(worker), stop=worker.stopping.set, ready=partial(say_ready, url))
        await server.serve(sockets=[listener])


if __name__ == "__main__":
    main()
