from __future__ import annotations

import pytest
from directory_rig import NAMES
from redis.asyncio import Redis

from gestalt_contracts.directory import DirectoryUnavailable
from gestalt_contracts.redis_client import create_redis
from gestalt_contracts.redis_directory import RedisDirectory
from gestalt_contracts.redis_heartbeat import RedisHeartbeat


async def test_the_instance_heard_of_last_counts_until_it_leaves_or_falls_silent(client: Redis) -> None:
    directory = RedisDirectory(client, NAMES)
    one, two = (RedisHeartbeat(client, NAMES, "telemetry", instance) for instance in ("one", "two"))
    assert await directory.service("telemetry") == {}
    await one.beat({"address": "h:1"})
    await two.beat({"address": "h:2", "pid": "7"})
    assert await directory.service("telemetry") == {"address": "h:2", "pid": "7"}
    assert await directory.service("tele") == {}
    await two.leave()
    assert await directory.service("telemetry") == {"address": "h:1"}
    assert await client.ttl(NAMES.service("telemetry", "one")) in {2, 3}
    await client.delete(NAMES.service("telemetry", "one"))
    assert await directory.service("telemetry") == {}


async def test_a_word_that_is_no_news_stands_longer_and_is_said_again_where_it_was_lost(client: Redis) -> None:
    directory, heartbeat = RedisDirectory(client, NAMES), RedisHeartbeat(client, NAMES, "telemetry", "one")
    key = NAMES.service("telemetry", "one")
    await heartbeat.beat({"address": "h:1"})
    await client.pexpire(key, 500)
    await heartbeat.beat({"address": "h:1"})
    assert await client.pttl(key) > 2_000
    await client.delete(key, NAMES.services)
    await heartbeat.beat({"address": "h:1"})
    assert await directory.service("telemetry") == {"address": "h:1"}
    await heartbeat.beat({"address": "h:2"})
    assert await directory.service("telemetry") == {"address": "h:2"}


async def test_without_redis_there_is_no_word() -> None:
    client = create_redis("redis://127.0.0.1:1", name="test")
    with pytest.raises(DirectoryUnavailable):
        await RedisHeartbeat(client, NAMES, "telemetry", "one").beat({"address": "h:1"})
    with pytest.raises(DirectoryUnavailable):
        await RedisHeartbeat(client, NAMES, "telemetry", "one").leave()
    await client.aclose()
