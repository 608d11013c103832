"""Start flow-service: `python -m gestalt_flow`."""

from __future__ import annotations

import asyncio
import os
import resource
import secrets
import socket
import sys
from contextlib import AsyncExitStack
from functools import partial

import uvloop
from pydantic import ValidationError

from gestalt_contracts.channels import Names
from gestalt_contracts.redis_bus import RedisBus
from gestalt_contracts.redis_client import create_redis
from gestalt_contracts.service_logs import LogOutbox
from gestalt_flow.app import Replica
from gestalt_flow.line_redis import WAIT_SECONDS
from gestalt_flow.settings import Settings
from gestalt_serving import logs
from gestalt_serving.parent import say_ready
from gestalt_serving.server import Server, configured
from gestalt_serving.sockets import advertised, bound

SERVICE = "flow-service"
GRACE_SECONDS = 1  # longest wait for requests to end: each is short


def main() -> None:
    """Read settings, bind, serve until told to stop. What is wrong is one line on stderr and exit code 1."""
    settings = read_settings()
    outbox = LogOutbox("flow")
    logs.configure(outbox)
    _allow_many_connections()
    listener = bound(SERVICE, settings.host, settings.port)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, listener, outbox))


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


def _allow_many_connections() -> None:
    """Webhooks take descriptors: raise our own soft limit as far as we may."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _serve(settings: Settings, listener: socket.socket, outbox: LogOutbox) -> None:
    host, port = listener.getsockname()[:2]
    async with AsyncExitStack() as stack:
        client = create_redis(settings.redis_url, name="gestalt-flow")
        stack.push_async_callback(client.aclose)
        patient = create_redis(settings.redis_url, name="gestalt-flow-waiting", patience=WAIT_SECONDS)
        stack.push_async_callback(patient.aclose)
        replica = Replica(
            settings,
            instance=f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}",
            address=settings.advertise or advertised(SERVICE, host, port),
            client=client,
            patient=patient,
            bus=RedisBus(client, Names(settings.namespace)),
            environment=dict(os.environ),
            log_outbox=outbox,
        )
        ready = partial(say_ready, f"http://{host}:{port}")
        server = Server(configured(replica, ws="none", grace=GRACE_SECONDS), stop=replica.stopping.set, ready=ready)
        await server.serve(sockets=[listener])


if __name__ == "__main__":
    main()
