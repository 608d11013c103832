from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gestalt_cli.errors import CommandFailed
from gestalt_cli.stack import external_redis, redis_server
from gestalt_contracts.redis_client import create_redis

Eventually = Callable[..., Awaitable[Any]]


@asynccontextmanager
async def running(data: Path, *more: str) -> AsyncIterator[str]:
    """A server as `up` starts it; its URL."""
    for name in ("redis", "logs"):
        (data / name).mkdir(parents=True, exist_ok=True)
    server = redis_server.RedisServer(redis_server.bundled()[0], "Valkey")
    argv = [*redis_server.argv(server), *more]
    process = await asyncio.create_subprocess_exec(*argv, cwd=data / "redis")
    try:
        async with asyncio.timeout(10):
            yield await redis_server.answers(data / "redis")
    finally:
        process.terminate()
        await process.wait()


def program(folder: Path, name: str, says: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)


def test_a_server_on_path_comes_before_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, "redis-server", "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert redis_server.find() == redis_server.RedisServer(tmp_path / "redis-server", "Redis 7.0.15")


@pytest.mark.parametrize("says", ["Redis server v=6.0.16 sha=0", "Valkey server v=5.0 x", "something else"])
def test_a_server_on_path_that_is_too_old_or_none_is_passed_over(
    says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, "valkey-server", says)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = redis_server.find()
    assert found.bundled
    assert found.name.startswith("Valkey ")


async def test_it_listens_on_a_socket_for_its_owner_alone_under_any_path_and_keeps_its_data(tmp_path: Path) -> None:
    data = tmp_path / ("long" * 30) / "with space"
    async with running(data) as url:
        client = create_redis(url, name="test")
        await client.set("kept", "1")
        assert (await client.config_get("maxmemory-policy"))["maxmemory-policy"] == "noeviction"
        assert (await client.config_get("port"))["port"] == "0"
        await client.aclose()
        assert stat.S_IMODE((data / "redis" / "redis.sock").stat().st_mode) == 0o600
    async with running(data) as url:
        client = create_redis(url, name="test")
        assert await client.get("kept") == b"1"
        await client.aclose()
    assert "Ready to accept connections" in (data / "logs" / "redis.log").read_text()


async def test_a_redis_is_the_workspaces_that_came_first(tmp_path: Path) -> None:
    async with running(tmp_path) as url:
        await external_redis.claim(url, namespace="gestalt", workspace_id="one")
        await external_redis.claim(url, namespace="gestalt", workspace_id="one")
        await external_redis.claim(url, namespace="other", workspace_id="two")
        with pytest.raises(CommandFailed, match="belongs to another workspace; give this one a GESTALT_NAMESPACE"):
            await external_redis.claim(url, namespace="gestalt", workspace_id="two")


async def test_a_redis_that_evicts_is_refused(tmp_path: Path) -> None:
    async with running(tmp_path, "--maxmemory-policy", "allkeys-lru") as url:
        with pytest.raises(CommandFailed, match="allkeys-lru"):
            await external_redis.claim(url, namespace="gestalt", workspace_id="one")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("redis://:secret@127.0.0.1:1/0", "cannot use Redis at 127.0.0.1:1/0: "),
        ("unix:///no/such/redis.sock", "cannot use Redis at /no/such/redis.sock: "),
        ("http://127.0.0.1", "REDIS_URL: "),
    ],
)
async def test_a_redis_that_does_not_answer_is_one_line_without_the_password(url: str, message: str) -> None:
    with pytest.raises(CommandFailed) as refusal:
        await external_redis.claim(url, namespace="gestalt", workspace_id="one")
    assert message in str(refusal.value)
    assert "secret" not in str(refusal.value)
    assert "\n" not in str(refusal.value)
