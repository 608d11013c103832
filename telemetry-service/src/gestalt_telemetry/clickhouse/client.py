"""ClickHouse's HTTP interface: statements with parameters that the server binds, and rows that are inserted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec

from gestalt_telemetry.clickhouse.location import Location
from gestalt_telemetry.refusals import StoreUnreadable, TookTooLong

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 30.0
QUERY_SECONDS = 10
"""Longest query: the server gives up what takes longer."""

MOST_ANSWER_BYTES = 256 * 1024 * 1024
MOST_REASON_BYTES = 2_000
TOO_SLOW = ("159", "160")  # TIMEOUT_EXCEEDED, TOO_SLOW
CODE = "X-ClickHouse-Exception-Code"
ESCAPED = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\\0", "\b": "\\b", "\f": "\\f"})
Parameters = Mapping[str, str | int | Sequence[str]]


class Refused(Exception):
    """The server answered with an error."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class Away(Exception):
    """The server cannot be reached, or the answer broke off: whether it did something is not known."""


class ClickHouse:
    """A server. Enter `opened` first."""

    def __init__(self, location: Location) -> None:
        self._location = location
        self._session: aiohttp.ClientSession

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[ClickHouse]:
        """With a pool of connections. The credentials go in headers: they are in no address that is logged."""
        headers = {"X-ClickHouse-User": self._location.user, "X-ClickHouse-Key": self._location.password}
        limits = aiohttp.ClientTimeout(total=ANSWER_SECONDS, sock_connect=CONNECT_SECONDS)
        async with aiohttp.ClientSession(headers=headers, timeout=limits) as self._session:
            yield self

    async def rows(self, sql: str, parameters: Parameters | None = None) -> list[list[Any]]:
        """The rows of a query. Raises StoreUnreadable, TookTooLong."""
        asked = f"{sql} FORMAT JSONCompactEachRow".encode()
        limits = {"max_execution_time": str(QUERY_SECONDS), "timeout_overflow_mode": "throw"}
        try:
            data = await self._say({**limits, **_bound(parameters or {})}, asked)
        except Refused as error:
            raise (TookTooLong if error.code in TOO_SLOW else StoreUnreadable) from error
        except Away as error:
            raise StoreUnreadable from error
        return [msgspec.json.decode(line) for line in data.splitlines()]

    async def do(self, sql: str, parameters: Parameters | None = None, *, anywhere: bool = False) -> None:
        """Carry out a statement; `anywhere`: in no database. Raises Refused, Away."""
        await self._say(_bound(parameters or {}), sql.encode(), anywhere=anywhere)

    async def insert(self, table: str, columns: Sequence[str], lines: bytes) -> None:
        """Rows as JSON, one a line. They are committed when this returns: one block, whole or not there.

        Raises Refused, Away.
        """
        into = f"INSERT INTO {table} ({', '.join(columns)}) FORMAT JSONCompactEachRow"
        settings = {"async_insert": "0", "input_format_parallel_parsing": "0", "max_insert_block_size": "1048576"}
        await self._say({"query": into, **settings}, lines)

    async def _say(self, query: Mapping[str, str], body: bytes, *, anywhere: bool = False) -> bytes:
        where = {} if anywhere else {"database": self._location.database}
        try:
            async with self._session.post(self._location.url, params={**where, **query}, data=body) as answer:
                found = await _read(answer)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Away(str(error) or type(error).__name__) from error
        if answer.status != 200:  # noqa: PLR2004 - HTTP's word
            raise Refused(answer.headers.get(CODE, ""), found[:MOST_REASON_BYTES].decode(errors="replace").strip())
        return found


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    parts, size = [], 0
    async for part in answer.content.iter_any():
        parts.append(part)
        size += len(part)
        if size > MOST_ANSWER_BYTES:
            raise aiohttp.ClientPayloadError(f"an answer of more than {MOST_ANSWER_BYTES} bytes")
    return b"".join(parts)


def _bound(parameters: Parameters) -> dict[str, str]:
    """As the server reads them: escaped as in a tab-separated file, so that a value stays one, whatever is in it."""
    return {f"param_{name}": _written(value) for name, value in parameters.items()}


def _written(value: str | int | Sequence[str]) -> str:
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return value.translate(ESCAPED)
    quoted = (one.replace("\\", "\\\\").replace("'", "\\'") for one in value)
    return "[" + ",".join(f"'{one}'" for one in quoted) + "]"
