"""The one way to a Redis: timeouts, names, retries and long socket paths in one place."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.connection import (
    AbstractConnection,
    Connection,
    SSLConnection,
    UnixDomainSocketConnection,
    parse_url,
)
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

CALL_SECONDS = 2.0
"""Longest wait for one answer, connecting included. A local Redis answers in well under a millisecond."""

CONNECT_SECONDS = 1.0
"""Longest wait for one connection: a host that is gone must not use up a whole call."""

CONNECTIONS = 64
"""Per process. A call holds one for its round trip, so this bounds memory, not throughput."""

UNIX_PATH_BYTES = 107
"""What sun_path holds beside its final NUL (Linux)."""

OLDEST_VERSION = (6, 2)

_AWAY = (RedisConnectionError, RedisTimeoutError, OSError)
_NOT_NOW = ("MISCONF", "OOM ", "READONLY", "LOADING", "MASTERDOWN", "BUSY ", "CLUSTERDOWN", "NOREPLICAS")


class UnfitServer(Exception):
    """This Redis must not hold our data; the message is one line for an operator."""


class PromptConnection(AbstractConnection):
    """Writes under a timeout that lets a cancellation through.

    The write of the base class waits by `asyncio.wait_for`, which up to Python 3.11 may swallow a cancellation: a
    reader that was told to stop would then wait for ever. It also starts a task for every write.
    """

    async def send_packed_command(
        self,
        command: bytes | str | Iterable[bytes],
        check_health: bool = True,  # noqa: FBT001, FBT002 - redis' own signature
    ) -> None:
        """Send, within the connection's socket timeout. Raises redis' ConnectionError and TimeoutError."""
        limit, self.socket_timeout = self.socket_timeout, None
        try:
            async with asyncio.timeout(limit):
                await super().send_packed_command(command, check_health)
        except TimeoutError:
            raise RedisTimeoutError("Timeout writing to socket") from None
        finally:
            self.socket_timeout = limit


class NamedConnection(PromptConnection):
    """Looks its host up before it connects.

    uvloop lets go of the lookup of an attempt that timed out, and reports its late failure as an error nobody awaited.
    """

    host: str
    port: int

    async def _connect(self) -> None:
        async with asyncio.timeout(self.socket_connect_timeout):
            await asyncio.get_running_loop().getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
            await super()._connect()  # type: ignore[no-untyped-call, safe-super]


class TcpConnection(NamedConnection, Connection):
    """For redis:// URLs."""


class TlsConnection(NamedConnection, SSLConnection):
    """For rediss:// URLs."""


class SocketConnection(PromptConnection, UnixDomainSocketConnection):
    """For unix:// URLs; a path longer than sun_path is reached through a descriptor of its directory."""

    async def _connect(self) -> None:
        if len(os.fsencode(self.path)) <= UNIX_PATH_BYTES:
            await super()._connect()  # type: ignore[no-untyped-call]
            return
        path = Path(self.path)
        directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self.path = f"/proc/self/fd/{directory}/{path.name}"
            await super()._connect()  # type: ignore[no-untyped-call]
        finally:
            self.path = str(path)
            os.close(directory)


_OURS: dict[type[AbstractConnection], type[AbstractConnection]] = {
    Connection: TcpConnection,
    SSLConnection: TlsConnection,
    UnixDomainSocketConnection: SocketConnection,
}


def create_redis(url: str, *, name: str, patience: float = 0.0) -> Redis:
    """A client of the Redis at `url` (redis://, rediss://, unix://) that answers bytes; connects when first used.

    `name` is what CLIENT LIST shows. `patience`: seconds that a blocking call may wait for something to come.
    A connection that is refused is tried twice more within a fifth of a second.
    The caller closes the client with `aclose()`. Raises ValueError for another kind of URL.
    """
    options: dict[str, Any] = {
        "max_connections": CONNECTIONS,
        "timeout": CALL_SECONDS,
        "client_name": name,
        "socket_timeout": CALL_SECONDS + patience,
        "socket_connect_timeout": CONNECT_SECONDS,
        "health_check_interval": 15,
        "retry": Retry(ExponentialBackoff(cap=0.2, base=0.025), 2, supported_errors=(RedisConnectionError,)),
        "protocol": 2,  # a pub/sub message is then an ordinary answer, on every server and proxy
        "driver_info": None,
        **parse_url(url),
    }
    options["connection_class"] = _OURS[options.get("connection_class", Connection)]
    return Redis.from_pool(BlockingConnectionPool(**options))


@contextmanager
def away_as(outcome: type[Exception]) -> Iterator[None]:
    """Turn everything that means "Redis cannot do this now" into `outcome`; a mistake of ours stays what it is."""
    try:
        yield
    except _AWAY as error:
        raise outcome(str(error) or type(error).__name__) from error
    except ResponseError as error:
        if not any(word in str(error) for word in _NOT_NOW):
            raise
        raise outcome(str(error)) from error


async def check_server(client: Redis) -> None:
    """Refuse a server that evicts keys or is older than 6.2.

    Raises UnfitServer, and redis' own errors or TimeoutError when it cannot be asked.
    """
    async with asyncio.timeout(CALL_SECONDS):
        facts = {**await client.info("server"), **await client.info("memory")}
    version = tuple(int(word) for word in str(facts["redis_version"]).split(".")[:2])
    if version < OLDEST_VERSION:
        raise UnfitServer(f"Redis is {facts['redis_version']}; Gestalt needs 6.2 or newer")
    policy = facts.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        raise UnfitServer(f"Redis evicts keys (maxmemory-policy {policy}); Gestalt needs noeviction")
