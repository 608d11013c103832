"""Start telemetry-service: `python -m gestalt_telemetry [--standby]`."""

from __future__ import annotations

import asyncio
import gc
import secrets
import signal
import socket
import sys
from collections import OrderedDict
from contextlib import AsyncExitStack
from functools import partial
from ipaddress import ip_address

import uvloop
from pydantic import ValidationError

from gestalt_contracts.channels import Names
from gestalt_contracts.directory import Directory, DirectoryUnavailable
from gestalt_contracts.redis_bus import RedisBus
from gestalt_contracts.redis_client import create_redis
from gestalt_contracts.redis_directory import RedisDirectory
from gestalt_contracts.redis_heartbeat import RedisHeartbeat
from gestalt_contracts.service_logs import LogOutbox
from gestalt_telemetry import logs
from gestalt_telemetry.app import Telemetry
from gestalt_telemetry.server import Server, config_of, listening, parent_gone
from gestalt_telemetry.settings import Settings

NAME = "telemetry"
KNOWN_SESSIONS = 4_096
SWITCH_SECONDS = 0.001
"""How long a reader's thread may keep the loop from its turn."""


def main() -> None:
    """Read settings, bind, serve until told to stop. What is wrong is one line on stderr and exit code 1."""
    standby = "--standby" in sys.argv[1:]
    if standby and not sys.stdin.readline():
        return  # the parent ended before it needed us
    settings = read_settings()
    outbox = LogOutbox("telemetry")
    logs.configure(outbox)
    listener = _listener(settings)
    sys.setswitchinterval(SWITCH_SECONDS)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, listener, outbox, watch_parent=standby))


def read_settings() -> Settings:
    """The settings of the environment. Raises SystemExit with one line on what is wrong with them."""
    try:
        settings = Settings()
    except ValidationError as error:
        sys.exit("telemetry: " + "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()))
    try:
        token = settings.token
    except OSError as error:
        sys.exit(f"telemetry: cannot read {error.filename}: {error.strerror}")
    if not token:
        sys.exit("telemetry: GESTALT_INTERNAL_TOKEN is empty")
    return settings


def _listener(settings: Settings) -> socket.socket:
    try:
        return listening(settings.host, settings.port)
    except OSError as error:
        sys.exit(f"telemetry: cannot listen on {settings.host}:{settings.port}: {error.strerror}")


def advertised(host: str, port: int) -> str:
    """Where gateways reach a service bound to `host`: there, or, bound to every address, at its machine's own.

    Raises SystemExit with one line when the machine does not know its address.
    """
    if not ip_address(host).is_unspecified:
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        return f"{socket.gethostbyname(socket.gethostname())}:{port}"
    except OSError as error:
        sys.exit(f"telemetry: listens on {host} and finds no address of its own, set GESTALT_ADVERTISE: {error}")


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


def _say_ready(url: str) -> None:
    """The line that the parent waits for. What lives by now stays: the collector need not go over it."""
    gc.freeze()
    print(f"ready {url}", flush=True)  # noqa: T201 - it is read by the parent


async def _serve(settings: Settings, listener: socket.socket, outbox: LogOutbox, *, watch_parent: bool) -> None:
    names = Names(settings.namespace)
    host, port = listener.getsockname()[:2]
    async with AsyncExitStack() as stack:
        client = create_redis(settings.redis_url, name="gestalt-telemetry")
        stack.push_async_callback(client.aclose)
        telemetry = Telemetry(
            settings,
            address=settings.advertise or advertised(host, port),
            bus=RedisBus(client, names),
            outbox=outbox,
            heartbeat=RedisHeartbeat(client, names, NAME, secrets.token_hex(8)),
            session_name=SessionNames(RedisDirectory(client, names)),
        )
        url = f"http://{host}:{port}"
        server = Server(config_of(telemetry), stop=telemetry.stopping.set, ready=partial(_say_ready, url))
        if watch_parent:
            stack.enter_context(parent_gone(lambda: server.handle_exit(signal.SIGTERM, None)))
        await server.serve(sockets=[listener])


if __name__ == "__main__":
    main()
