"""ClickHouse's HTTP interface: statements with parameters that the server binds, and rows that are inserted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import aiohttp
import msgspec

from gestalt_telemetry.clickhouse.location import Location
from gestalt_telemetry.refusals import StoreUnreadable, TookTooLong

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 30.0
QUERY_SECONDS = 10
"""Longest query: the server gives up what takes longer."""

LIMITS = {"max_execution_time": str(QUERY_SECONDS), "timeout_overflow_mode": "throw", "wait_end_of_query": "1"}
"""Of a query: one that fails in the middle is answered with its error, not with the rows until then."""

PART_BYTES = 256 * 1024
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
        with _as_unreadable():
            data = await self._say({**LIMITS, **_bound(parameters or {})}, _asked(sql))
        return [msgspec.json.decode(line) for line in data.splitlines()]

    async def parts(self, sql: str, parameters: Parameters | None = None) -> AsyncGenerator[list[list[Any]]]:
        """The rows of a query that are too many to hold, some at a time. Raises StoreUnreadable, TookTooLong."""
        with _as_unreadable():
            async with self._asking({**LIMITS, **_bound(parameters or {})}, _asked(sql)) as answer:
                rest = b""
                async for part in answer.content.iter_chunked(PART_BYTES):
                    *lines, rest = (rest + part).split(b"\n")
                    yield [msgspec.json.decode(line) for line in lines]

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
        async with self._asking(query, body, anywhere=anywhere) as answer:
            return await _read(answer)

    @asynccontextmanager
    async def _asking(
        self, query: Mapping[str, str], body: bytes, *, anywhere: bool = False
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer to a statement that the server carried out."""
        where = {} if anywhere else {"database": self._location.database}
        try:
            async with self._session.post(self._location.url, params={**where, **query}, data=body) as answer:
                if answer.status != 200:  # noqa: PLR2004 - HTTP's word
                    reason = (await _read(answer))[:MOST_REASON_BYTES].decode(errors="replace").strip()
                    raise Refused(answer.headers.get(CODE, ""), reason)
                yield answer
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Away(str(error) or type(error).__name__) from error


def _asked(sql: str) -> bytes:
    return f"{sql} FORMAT JSONCompactEachRow".encode()


@contextmanager
def _as_unreadable() -> Iterator[None]:
    try:
        yield
    except Refused as error:
        raise (TookTooLong if error.code in TOO_SLOW else StoreUnreadable) from error
    except Away as error:
        raise StoreUnreadable from error


@asynccontextmanager
async def too_long_after(seconds: float) -> AsyncIterator[None]:
    """Give up what lasts longer: TookTooLong."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise TookTooLong from error


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
