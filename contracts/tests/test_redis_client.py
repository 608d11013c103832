from __future__ import annotations

import asyncio
import gc
import socket
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError
from valkey_server import Server

from gestalt_contracts.redis_client import (
    UNIX_PATH_BYTES,
    TcpConnection,
    TlsConnection,
    UnfitServer,
    away_as,
    check_server,
    create_redis,
)
from gestalt_contracts.redis_scripts import Scripts


class Away(Exception):
    """Redis cannot now."""


@pytest.fixture
def long_directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as directory:
        deep = Path(directory, *["a directory with a long name"] * 5)
        deep.mkdir(parents=True)
        yield deep


@pytest.mark.parametrize("url", ["", "http://x", "localhost:6379", "memory://"])
def test_another_kind_of_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="redis://"):
        create_redis(url, name="test")


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl"])
async def test_a_server_that_evicts_is_refused_in_one_line(client: Redis, policy: str) -> None:
    await client.config_set("maxmemory-policy", policy)
    with pytest.raises(UnfitServer, match=policy) as refusal:
        await check_server(client)
    await client.config_set("maxmemory-policy", "noeviction")
    assert "\n" not in str(refusal.value)
    await check_server(client)


async def test_a_server_that_is_not_there_cannot_be_checked() -> None:
    client = create_redis("redis://127.0.0.1:1", name="test")
    with pytest.raises(RedisConnectionError):
        await check_server(client)
    await client.aclose()


async def answer_of(client: Redis) -> object:
    with away_as(Away):
        return await Scripts(client).run("hold", ["key"], ["holder", 1])


@pytest.mark.parametrize("message", ["MISCONF Errors writing to the AOF file", "OOM command not allowed", "LOADING x"])
def test_a_refusal_of_the_moment_means_away(message: str) -> None:
    with pytest.raises(Away, match=message), away_as(Away):
        raise ResponseError(message)


def test_a_mistake_of_ours_stays_what_it_is() -> None:
    with pytest.raises(ResponseError, match="WRONGTYPE"), away_as(Away):
        raise ResponseError("WRONGTYPE Operation against a key holding the wrong kind of value")


async def test_the_client_shows_its_name_and_answers_bytes(shared_server: Server, client: Redis) -> None:
    named = create_redis(shared_server.url, name="gateway")
    await named.set("a", "ü")
    assert await named.get("a") == "ü".encode()
    assert "gateway" in [entry["name"] for entry in await client.client_list()]
    await named.aclose()


async def test_a_socket_path_of_any_length_is_reached(
    shared_server: Server, client: Redis, long_directory: Path
) -> None:
    link = long_directory / "s"
    link.symlink_to(shared_server.url.removeprefix("unix://"))
    assert len(str(link)) > UNIX_PATH_BYTES
    far = create_redis(f"unix://{link}".replace(" ", "%20"), name="far")
    await far.set("a", "b")
    assert await client.get("a") == b"b"
    await far.aclose()


async def test_a_long_path_to_nowhere_is_away(long_directory: Path) -> None:
    client = create_redis(f"unix://{long_directory}/nothing/s", name="test")
    with pytest.raises(Away):
        await answer_of(client)
    await client.aclose()


def test_a_lookup_that_outlasts_its_attempt_fails_unheard() -> None:
    uvloop = pytest.importorskip("uvloop", reason="the loop of the services, not of this member")
    heard: list[dict[str, object]] = []

    async def lookups() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: heard.append(context))
        with pytest.raises(TimeoutError):
            await TcpConnection(host="redis.invalid", socket_connect_timeout=0.0)._connect()
        with pytest.raises(socket.gaierror):
            await asyncio.get_running_loop().getaddrinfo("redis.invalid", 6379)
        gc.collect()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(lookups())
    assert heard == []


def test_every_kind_of_url_has_our_connection() -> None:
    assert create_redis("redis://h:1/2", name="t").connection_pool.connection_class is TcpConnection
    assert create_redis("rediss://h:1", name="t").connection_pool.connection_class is TlsConnection


async def test_a_call_that_is_cancelled_at_any_moment_is_cancelled(client: Redis) -> None:
    for turns in range(30):
        calling = asyncio.ensure_future(ping_and_wait(client))
        for _ in range(turns):
            await asyncio.sleep(0)
        calling.cancel()
        with suppress(asyncio.CancelledError):
            async with asyncio.timeout(1):
                await calling
        assert calling.cancelled()
    assert await client.ping()


async def ping_and_wait(client: Redis) -> None:
    await client.ping()
    await asyncio.Event().wait()
