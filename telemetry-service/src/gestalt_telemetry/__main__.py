"""Start telemetry-service: `python -m gestalt_telemetry`."""

from __future__ import annotations

import asyncio
import secrets
import socket
import sys
from collections import OrderedDict
from contextlib import AsyncExitStack
from functools import partial

import uvloop
from pydantic import ValidationError

from gestalt_contracts.channels import Names
from gestalt_contracts.directory import Directory, DirectoryUnavailable
from gestalt_contracts.redis_bus import RedisBus
from gestalt_contracts.redis_client import create_redis
from gestalt_contracts.redis_directory import RedisDirectory
from gestalt_contracts.redis_heartbeat import RedisHeartbeat
from gestalt_contracts.service_logs import LogOutbox
from gestalt_serving import logs
from gestalt_serving.event_socket import EventSocket
from gestalt_serving.parent import say_ready
from gestalt_serving.server import Server, configured
from gestalt_serving.sockets import advertised, bound
from gestalt_telemetry.app import Telemetry
from gestalt_telemetry.settings import Settings

NAME = "telemetry"
GRACE_SECONDS = 2  # longest wait for requests to end: the whole stop takes less than three seconds
KNOWN_SESSIONS = 4_096
SWITCH_SECONDS = 0.001
"""How long a reader's thread may keep the loop from its turn."""


def main() -> None:
    """Read settings, bind, serve until told to stop. What is wrong is one line on stderr and exit code 1."""
    settings = read_settings()
    outbox = LogOutbox("telemetry")
    logs.configure(outbox)
    listener = bound(NAME, settings.host, settings.port)
    sys.setswitchinterval(SWITCH_SECONDS)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, listener, outbox))


def read_settings() -> Settings:
    """The settings of the environment. Raises SystemExit with one line on what is wrong with them."""
    try:
        settings = Settings()
    except ValidationError as error:
        sys.exit("telemetry: " + "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()))
    try:
        token = settings.token
        _ = settings.remote_headers
    except OSError as error:
        sys.exit(f"telemetry: cannot read {error.filename}: {error.strerror}")
    if not token:
        sys.exit("telemetry: GESTALT_INTERNAL_TOKEN is empty")
    return settings


class SessionNames:
    """The ids of sessions by their uids, remembered: a session keeps its id."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._known: OrderedDict[str, str] = OrderedDict()

    async def __call__(self, uid: str) -> str:
        """The id; empty when nobody knows, or Redis is away."""
        if uid not in self._known:
            try:
                record = await self._directory.find(uid)
            except DirectoryUnavailable:
                return ""
            if record is None:
                return ""
            self._known[uid] = record.id
            if len(self._known) > KNOWN_SESSIONS:
                self._known.popitem(last=False)
        return self._known[uid]


async def _serve(settings: Settings, listener: socket.socket, outbox: LogOutbox) -> None:
    names = Names(settings.namespace)
    host, port = listener.getsockname()[:2]
    async with AsyncExitStack() as stack:
        client = create_redis(settings.redis_url, name="gestalt-telemetry")
        stack.push_async_callback(client.aclose)
        telemetry = Telemetry(
            settings,
            address=settings.advertise or advertised(NAME, host, port),
            bus=RedisBus(client, names),
            outbox=outbox,
            heartbeat=RedisHeartbeat(client, names, NAME, secrets.token_hex(8)),
            session_name=SessionNames(RedisDirectory(client, names)),
        )
        url = f"http://{host}:{port}"
        config = configured(telemetry, ws=EventSocket, grace=GRACE_SECONDS)
        server = Server(config, stop=telemetry.stopping.set, ready=partial(say_ready, url))
        await server.serve(sockets=[listener])


if __name__ == "__main__":
    main()
