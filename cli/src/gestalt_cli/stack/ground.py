"""What a run of `gestalt up` stands on: lock, port, Redis, logs, and the recipes that follow from them."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from contextlib import AsyncExitStack
from pathlib import Path
from socket import socket

from msgspec import Struct

from gestalt_cli.api import Server
from gestalt_cli.errors import CommandFailed
from gestalt_cli.stack import door, redis_server, slots, workspace
from gestalt_cli.stack.forks import Zygote
from gestalt_cli.stack.lock import Lock
from gestalt_cli.stack.options import Options
from gestalt_cli.stack.service_log import ServiceLog
from gestalt_cli.stack.services import FLOW, GATEWAY, REDIS, SESSION, TELEMETRY, ZYGOTE, Services, units
from gestalt_cli.stack.waiting import until
from gestalt_cli.supervision.words import Unit

WAIT_SECONDS = 5.0
"""How long the next `up` waits for what an earlier one still holds (contract §9)."""


KINDS = (ZYGOTE, REDIS, GATEWAY, SESSION, FLOW, TELEMETRY)
NOT_INHERITED = frozenset(
    {"GESTALT_TOKEN_FILE", "GESTALT_INTERNAL_TOKEN_FILE", "GESTALT_DRAINING", "GESTALT_LISTEN_FD"}
)
"""Variables that would contradict what `up` itself says to its services."""


class Redis(Struct, frozen=True):
    """The Redis of this run. Of one that is not ours to start, `argv` is empty."""

    url: str
    shown: str
    argv: list[str] = []
    lock: int = -1


class Ground(Struct, frozen=True):
    """Everything that is there before the first service starts."""

    server: Server
    door: socket
    redis: Redis
    logs: dict[str, ServiceLog]
    services: Services
    units: list[Unit]


async def take(options: Options, held: AsyncExitStack) -> Ground:
    """Take hold of everything; `held` lets go of it. Raises CommandFailed, in one line, if something is another's."""
    deadline = asyncio.get_running_loop().time() + WAIT_SECONDS
    workspace.prepare(options.data)
    lock = await held.enter_async_context(workspace.locked(options.workspace, options.data, deadline))
    listening = await held.enter_async_context(door.opened(options.host, options.port, deadline))
    refuse_open_door(options, listening)
    server = Server(door.url(listening), options.token)
    lock.note(f"{lock.read_note()}, {server.url}")
    redis = await redis_of(options, held, deadline)
    logs = {kind.name: held.enter_context(ServiceLog(options.data / "logs", kind.name)) for kind in KINDS}
    zygote = held.enter_context(contextlib.closing(Zygote()))
    wanted = units(workers=options.workers, live_slots=slots.with_live_host(options.data), own_redis=bool(redis.argv))
    services = services_of(options, server, listening, redis, logs, zygote)
    return Ground(server, listening, redis, logs, services, wanted)


def refuse_open_door(options: Options, listening: socket) -> None:
    """A port that others can reach, and no token: anybody could run programs here."""
    if not (door.is_loopback(listening) or options.token or options.insecure):
        raise CommandFailed(
            f"gestalt up: {options.host} is open to other machines: set a token (--token), or GESTALT_INSECURE=1"
        )


async def redis_of(options: Options, held: AsyncExitStack, deadline: float) -> Redis:
    """The Redis that was named, checked; else one to start."""
    if options.redis_url is None:
        return await own_redis(options.data / "redis", held, deadline)
    from gestalt_cli.stack import external_redis  # noqa: PLC0415 - 0.25 s of imports that most runs do not need

    identity = workspace.identity(options.data)
    await external_redis.claim(options.redis_url, namespace=options.namespace, workspace_id=identity)
    return Redis(options.redis_url, external_redis.shown(options.redis_url))


async def own_redis(directory: Path, held: AsyncExitStack, deadline: float) -> Redis:
    """A server to start on `directory`, once the one of an earlier run is gone from it: it inherits the lock."""
    server = redis_server.find()
    lock = held.enter_context(Lock(directory / "lock"))
    if not await until(lock.take, deadline):
        raise CommandFailed(f"gestalt up: {directory} is still in use by the Redis of an earlier run")
    origin = "installed with Gestalt" if server.bundled else str(server.program)
    return Redis(redis_server.url(directory), f"{server.name} ({origin})", redis_server.argv(server), lock.fd)


def services_of(
    options: Options, server: Server, listening: socket, redis: Redis, logs: dict[str, ServiceLog], zygote: Zygote
) -> Services:
    """The recipes of this run, with an internal token of its own, unless one is given that others share."""
    ours = {
        "REDIS_URL": redis.url,
        "GESTALT_INTERNAL_TOKEN": options.environment.get("GESTALT_INTERNAL_TOKEN") or secrets.token_urlsafe(32),
        "GESTALT_WORKSPACE": str(options.workspace),
        "GESTALT_DATA_DIR": str(options.data),
        "GESTALT_NAMESPACE": options.namespace,
        "GESTALT_URL": server.url,
        "GESTALT_TOKEN": options.token,
    }
    inherited = {name: value for name, value in options.environment.items() if name not in NOT_INHERITED}
    return Services(
        shared={**inherited, **ours},
        host=options.host,
        port=listening.getsockname()[1],
        door=listening.fileno(),
        logs={name: log.fd for name, log in logs.items()},
        redis_argv=redis.argv,
        redis_directory=options.data / "redis",
        redis_lock=redis.lock,
        zygote=zygote,
    )
