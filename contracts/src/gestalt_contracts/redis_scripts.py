"""Lua scripts: kept as files beside this module, run by their hash, many callers in one round trip."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from msgspec import Struct
from redis.asyncio import Redis
from redis.exceptions import NoScriptError, ResponseError

from gestalt_contracts.redis_client import CALL_SECONDS

BATCH = 200
"""Calls sent together at most; their answers lie in memory together."""

Word = str | bytes | int | float


class Script(Struct, frozen=True):
    """A script's text and the hash a server knows it by."""

    text: str
    sha: str


@cache
def script(name: str, package: str = "gestalt_contracts") -> Script:
    """The script `lua/<name>.lua` of a package."""
    text = files(package).joinpath("lua", f"{name}.lua").read_text("utf-8")
    return Script(text, hashlib.sha1(text.encode()).hexdigest())  # noqa: S324 - the name Redis gives scripts, no secret


class Call(Struct, frozen=True):
    """A command that waits for its answer."""

    command: tuple[Word, ...]
    answer: asyncio.Future[Any]


class Scripts:
    """Runs scripts on one connection at a time: what is called while a batch is under way goes out with the next one.

    So ten thousand callers cost a few dozen round trips, and none waits for a connection of its own. The connection is
    taken from the client's pool with the first call and given back after the last. `package` holds the scripts.
    """

    def __init__(self, client: Redis, package: str = "gestalt_contracts") -> None:
        self._package = package
        self._pool = client.connection_pool
        self._waiting: list[Call] = []
        self._sent: list[Call] = []
        self._task: asyncio.Task[None] | None = None

    async def run(self, name: str, keys: Sequence[str], arguments: Sequence[Word]) -> Any:
        """Run a script and return its answer, within CALL_SECONDS (TimeoutError).

        It is sent at most once: when the connection breaks before the answer this raises, because nobody knows
        whether the script ran. A caller that is cancelled before its turn has sent nothing.
        """
        chosen = script(name, self._package)
        async with asyncio.timeout(CALL_SECONDS):
            try:
                return await self._call("EVALSHA", chosen.sha, len(keys), *keys, *arguments)
            except NoScriptError:
                return await self._call("EVAL", chosen.text, len(keys), *keys, *arguments)

    async def _call(self, *command: Word) -> Any:
        call = Call(command, asyncio.get_running_loop().create_future())
        self._waiting.append(call)
        if self._task is None:
            self._task = asyncio.create_task(self._serve(), name="run scripts")
        return await call.answer

    async def _serve(self) -> None:
        try:
            while self._waiting:
                await self._serve_waiting()
        except Exception as error:  # noqa: BLE001 - whatever it is, the callers are told, who know what it means
            self._fail(error)
        finally:
            self._task = None
            for call in self._unanswered():
                call.answer.cancel()  # we were cancelled: so are they

    async def _serve_waiting(self) -> None:
        connection = await self._pool.get_connection()  # type: ignore[no-untyped-call]
        try:
            while self._take_batch():
                await connection.send_packed_command(connection.pack_commands([call.command for call in self._sent]))
                for call in self._sent:
                    await _answer(connection, call)
        finally:
            await self._pool.release(connection)

    def _take_batch(self) -> bool:
        wanted = [call for call in self._waiting if not call.answer.done()]
        self._sent, self._waiting = wanted[:BATCH], wanted[BATCH:]
        return bool(self._sent)

    def _fail(self, error: Exception) -> None:
        for call in self._unanswered():
            call.answer.set_exception(error)

    def _unanswered(self) -> list[Call]:
        calls = [call for call in (*self._sent, *self._waiting) if not call.answer.done()]
        self._sent, self._waiting = [], []
        return calls


async def _answer(connection: Any, call: Call) -> None:
    try:
        answer, error = await connection.read_response(), None
    except ResponseError as refusal:
        answer, error = None, refusal
    if call.answer.done():
        return
    if error is None:
        call.answer.set_result(answer)
    else:
        call.answer.set_exception(error)
