"""Consumer groups: names of readers that are gone."""

from __future__ import annotations

from typing import Any

from redis.asyncio import Redis


async def forget_silent(client: Redis, stream: str, group: str, seconds: float) -> None:
    """Remove readers that hold nothing and have said nothing for so long; what a reader holds is never dropped."""
    readers: Any = await client.xinfo_consumers(stream, group)
    for reader in readers:
        if reader["pending"] == 0 and reader["idle"] > seconds * 1000:
            await client.xgroup_delconsumer(stream, group, reader["name"])
