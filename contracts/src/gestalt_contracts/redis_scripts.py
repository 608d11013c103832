"""Lua scripts: kept as files beside this module, run by their hash."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from msgspec import Struct
from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from gestalt_contracts.redis_client import CALL_SECONDS

Word = str | bytes | int | float


class Script(Struct, frozen=True):
    """A script's text and the hash a server knows it by."""

    text: str
    sha: str


@cache
def script(name: str) -> Script:
    """The script `lua/<name>.lua`."""
    text = files("gestalt_contracts").joinpath("lua", f"{name}.lua").read_text("utf-8")
    return Script(text, hashlib.sha1(text.encode()).hexdigest())  # noqa: S324 - the name Redis gives scripts, no secret


async def run(client: Redis, name: str, keys: Sequence[str], arguments: Sequence[Word]) -> Any:
    """Run a script and return its answer, within CALL_SECONDS (TimeoutError).

    It is sent at most once: connecting is retried, but a connection that breaks before the answer raises, because
    nobody knows whether the script ran.
    """
    chosen = script(name)
    async with asyncio.timeout(CALL_SECONDS):
        try:
            return await _once(client, "EVALSHA", chosen.sha, len(keys), *keys, *arguments)
        except NoScriptError:
            return await _once(client, "EVAL", chosen.text, len(keys), *keys, *arguments)


async def _once(client: Redis, *command: Word) -> Any:
    pool = client.connection_pool
    connection = await pool.get_connection()  # type: ignore[no-untyped-call]
    try:
        await connection.send_command(*command)
        return await connection.read_response()
    finally:
        await pool.release(connection)
