"""Start the gateway: `python -m gestalt_gateway`."""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
import sys
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import uvloop
from pydantic import ValidationError

from gestalt_contracts.channels import Names
from gestalt_contracts.redis_bus import RedisBus
from gestalt_contracts.redis_client import create_redis
from gestalt_contracts.redis_directory import RedisDirectory
from gestalt_contracts.service_logs import LogOutbox
from gestalt_gateway.app import Gateway
from gestalt_gateway.credentials_redis import RedisCredentials
from gestalt_gateway.hosts import bind_authority
from gestalt_gateway.server import Server, config_of
from gestalt_gateway.services import FixedServices
from gestalt_gateway.services_redis import RedisServices
from gestalt_gateway.settings import GatewaySettings
from gestalt_serving import logs
from gestalt_serving.parent import say_ready
from gestalt_serving.sockets import bound


def main() -> None:
    """Read settings, bind, serve until told to stop. What is wrong is one line on stderr and exit code 1."""
    settings = read_settings()
    listener = listener_of(settings)
    outbox = LogOutbox("gateway", keeps=lambda line: line.get("message") != "request")  # those are tallied
    logs.configure(outbox, level=settings.log_level)
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # our application tells its failures itself
    _allow_many_connections()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, listener, outbox))


def read_settings() -> GatewaySettings:
    """The settings of the environment. Raises SystemExit with one line on what is wrong with them."""
    try:
        return GatewaySettings()
    except ValidationError as error:
        sys.exit("gateway: " + "; ".join(_told(dict(problem)) for problem in error.errors()))
    except OSError as error:
        sys.exit(f"gateway: cannot read {error.filename}: {error.strerror}")


def _told(problem: dict[str, Any]) -> str:
    name = "_".join(str(word) for word in problem["loc"]).upper()
    message = str(problem["msg"]).removeprefix("Value error, ")
    return f"{name if name in {'', 'REDIS_URL'} else 'GESTALT_' + name}: {message}" if name else message


def listener_of(settings: GatewaySettings) -> socket.socket:
    """The socket that the supervisor hands over, or a new one. Raises SystemExit when the port is taken."""
    if settings.listen_fd is not None:
        return socket.socket(fileno=settings.listen_fd)
    return bound("gateway", settings.host, settings.port)


def _allow_many_connections() -> None:
    """Every tunnel takes two descriptors: raise our own soft limit as far as we may."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _serve(settings: GatewaySettings, listener: socket.socket, outbox: LogOutbox) -> None:
    names = Names(settings.namespace)
    port = listener.getsockname()[1]
    async with AsyncExitStack() as stack:
        client = create_redis(settings.redis_url, name="gestalt-gateway")
        stack.push_async_callback(client.aclose)
        fixed = FixedServices({"flow": settings.flow_url, "telemetry": settings.telemetry_url})
        gateway = Gateway(
            settings,
            port=port,
            directory=RedisDirectory(client, names),
            credentials=RedisCredentials(client, names, login_seconds=settings.login_ttl),
            services=RedisServices(client, names, fixed),
            bus=RedisBus(client, names),
            outbox=outbox,
        )
        url = f"http://{bind_authority(settings.host)}:{port}"
        server = Server(config_of(gateway), stop=gateway.stop, ready=partial(say_ready, url), late=gateway.note_late)
        await server.serve(sockets=[listener])


if __name__ == "__main__":
    main()
