"""Clients as the contract describes them: the HTTP API, and a viewer that keeps its place."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self
from urllib.parse import quote, urlencode

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage

from tests.support.eventually import eventually

ANSWER_SECONDS = 20.0
RECONNECT_SECONDS = 0.02
CLOSED = 1000
NOT_FOUND = 4404
FINAL = frozenset({CLOSED, NOT_FOUND, 1008})
"""Close codes after which connecting again makes no sense."""


class Api:
    """The HTTP API of one gateway, as `async with Api(url, token) as api`."""

    def __init__(self, url: str, token: str = "") -> None:
        self.url, self.token = url, token
        self.http = httpx.AsyncClient(
            base_url=url, headers=bearer(token), timeout=ANSWER_SECONDS, trust_env=False, limits=httpx.Limits()
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.http.aclose()

    async def get(self, path: str, **query: object) -> Any:
        """The JSON at `path`. Raises httpx.HTTPStatusError for an error."""
        answer = await self.http.get(path, params={key: str(value) for key, value in query.items()})
        return answer.raise_for_status().json()

    async def create(self, command: list[str] | str | None = None, **more: object) -> dict[str, Any]:
        """Start a session; its summary."""
        body = more if command is None else {"command": command, **more}
        answer = await self.http.post("/api/sessions", json=body)
        created: dict[str, Any] = answer.raise_for_status().json()
        return created

    async def session(self, ref: str) -> dict[str, Any]:
        """One session's summary."""
        found: dict[str, Any] = await self.get(f"/api/sessions/{quote(ref, safe='')}")
        return found

    async def type(self, ref: str, data: bytes, *, key: str | None = None, **query: object) -> httpx.Response:
        """POST input, under an idempotency key if one is given."""
        headers = {"Idempotency-Key": key} if key else {}
        params = {name: str(value) for name, value in query.items()}
        path = f"/api/sessions/{quote(ref, safe='')}/input"
        return await self.http.post(path, content=data, headers=headers, params=params)

    async def delete(self, ref: str) -> httpx.Response:
        """End a session."""
        return await self.http.delete(f"/api/sessions/{quote(ref, safe='')}")

    async def worker_pid(self, ref: str) -> int:
        """The process that owns a session now."""
        owner = (await self.session(ref))["worker"]
        return next(int(worker["pid"]) for worker in await self.get("/api/workers") if worker["id"] == owner)

    def viewer(self, ref: str, *, others: Sequence[Api] = (), **options: Any) -> Viewer:
        """A viewer of a session, at this gateway and at others; see Viewer."""
        return Viewer([self.url, *(api.url for api in others)], ref, token=self.token, **options)


class Broken(Exception):
    """What a viewer got is not what the contract promises: a gap, a repeat, a wrong byte, an unknown word."""


class Viewer:
    """Follows one session over as many connections as it takes, and keeps every byte at its offset.

    It starts at `cursor` (or `tail` bytes before the end) and resumes by uid and cursor after any disconnect but a
    final one. Bytes that do not continue exactly where the last ones ended raise Broken, in the next wait or on
    leaving; so do bytes that differ from `expected(start, stop)`, if that is given. `keep=False` does not store them.
    Of several gateways it takes the next one each time.
    `resets`, `resizes` are what it was told, `leads` whether its size is the terminal's, `codes` how each connection
    ended, `exit_code` the program's.
    """

    def __init__(
        self,
        url: str | Sequence[str],
        ref: str,
        *,
        token: str = "",
        cursor: int | None = 0,
        tail: int | None = None,
        readonly: bool = False,
        expected: Callable[[int, int], bytes] | None = None,
        keep: bool = True,
    ) -> None:
        self._urls = [url] if isinstance(url, str) else list(url)
        self._ref, self._token = ref, token
        self._first = {"tail": tail} if tail is not None else {"cursor": cursor}
        self._readonly, self._expected, self._keep = readonly, expected, keep
        self._connection: ClientConnection | None = None
        self._task: asyncio.Task[None] | None = None
        self._owed = ""
        self._noticed = False
        self.start: int | None = None
        self.end = 0
        self.data = bytearray()
        self.resets: list[dict[str, Any]] = []
        self.resizes: list[dict[str, Any]] = []
        self.leads = False
        self.codes: list[int] = []
        self.exit_code: int | None = None
        self.exited = False
        self.connections = 0

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._follow())
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError, *([Broken] if self._noticed else [])):
                await self._task

    # -- what tests wait for

    async def ready(self, deadline: float = 5.0) -> None:
        """It is connected and was told where it begins."""
        await self._until(lambda: self._connection is not None and self.start is not None, deadline, "connected")

    async def reach(self, offset: int, deadline: float = 10.0) -> None:
        """It has every byte up to `offset`."""
        await self._until(lambda: self.end >= offset, deadline, f"offset {offset}")

    async def shows(self, text: bytes, deadline: float = 5.0) -> None:
        """`text` is among the kept bytes."""
        await self._until(lambda: text in self.data, deadline, f"{text!r} in {bytes(self.data[-200:])!r}")

    async def closed(self, deadline: float = 10.0) -> int:
        """Its last connection has ended for good; the close code."""
        await self._until(lambda: bool(self.codes) and self.codes[-1] in FINAL, deadline, "a final close")
        return self.codes[-1]

    async def reconnected(self, times: int, deadline: float = 5.0) -> None:
        """It has been connected so many times."""
        await self._until(
            lambda: self.connections >= times and self._connection is not None, deadline, "connected again"
        )

    async def _until(self, condition: Callable[[], bool], deadline: float, what: str) -> None:
        await eventually(
            lambda: self._checked(condition), deadline, what=f"viewer of {self._ref} at {self.end}: {what}"
        )

    def _checked(self, condition: Callable[[], bool]) -> bool:
        if self._task is not None and self._task.done():
            self._noticed = True
            self._task.result()
        return condition()

    # -- what tests do

    async def type(self, data: bytes) -> None:
        """Type; a binary frame. Raises ConnectionClosed when it has no connection."""
        await self._now_connected().send(data)

    async def say(self, text: str) -> None:
        """Send a text frame: a control message, or typed text."""
        await self._now_connected().send(text)

    async def resize(self, cols: int, rows: int) -> None:
        """Change the terminal's size."""
        await self.say(json.dumps({"type": "resize", "cols": cols, "rows": rows}))

    def cut(self) -> None:
        """Cut the connection, if there is one now, as a broken network does: no Close frame."""
        if self._connection is not None:
            self._connection.transport.abort()

    def _now_connected(self) -> ClientConnection:
        assert self._connection is not None, f"viewer of {self._ref} is not connected"
        return self._connection

    # -- how it follows

    async def _follow(self) -> None:
        while not self.codes or self.codes[-1] not in FINAL:
            try:
                async with connect(self._address(), **self._how()) as connection:
                    self.connections += 1
                    await self._listen(connection)
            except (OSError, InvalidHandshake, InvalidMessage, ConnectionClosed, TimeoutError):
                self.codes.append(1006)
            finally:
                self._connection = None
            await asyncio.sleep(RECONNECT_SECONDS)

    def _address(self) -> str:
        place = self._first if self.start is None else {"cursor": self.end}
        query = {key: value for key, value in place.items() if value is not None}
        flags = {"control": 1, **({"readonly": 1} if self._readonly else {})}
        url = self._urls[len(self.codes) % len(self._urls)]
        return f"ws{url.removeprefix('http')}/ws/session/{quote(self._ref, safe='')}?{urlencode(query | flags)}"

    def _how(self) -> dict[str, Any]:
        return {
            "additional_headers": bearer(self._token),
            "compression": None,
            "max_size": None,
            "ping_interval": None,
            "proxy": None,
            "open_timeout": 5,
            "close_timeout": 1,
        }

    async def _listen(self, connection: ClientConnection) -> None:
        welcomed = False
        with contextlib.suppress(ConnectionClosed):
            async for frame in connection:
                if isinstance(frame, str):
                    self._told(json.loads(frame), first=not welcomed)
                    self._connection, welcomed = connection, True
                elif not welcomed:
                    raise Broken("bytes before ready")
                else:
                    self._got(frame)
        self.codes.append(int(connection.close_code or 1006))

    def _told(self, word: Mapping[str, Any], *, first: bool) -> None:
        if first != (word["type"] == "ready"):
            raise Broken(f"ready is the first word and only that: {word}")
        match word["type"]:
            case "ready":
                self.leads = False
                self._begins_at(word["cursor"])
            case "reset":
                self.resets.append(dict(word))
                self.data.clear()
                self.start = self.end = word["base"]
                self._owed = ""
            case "resize":
                self.resizes.append(dict(word))
            case "leader":
                self.leads = bool(word["you"])
            case "exit":
                self.exited, self.exit_code = True, word["exit_code"]
            case other:
                raise Broken(f"an unknown word: {other}")

    def _begins_at(self, cursor: int) -> None:
        if self.start is None:
            self.start = self.end = cursor
        elif cursor != self.end:
            self._owed = f"asked to go on from {self.end}, told that it goes on from {cursor}"

    def _got(self, data: bytes) -> None:
        if self._owed:
            raise Broken(f"{self._owed}, without a reset")
        if self._expected is not None:
            self._compare(data, self._expected(self.end, self.end + len(data)))
        self.end += len(data)
        if self._keep:
            self.data += data

    def _compare(self, data: bytes, wanted: bytes) -> None:
        if data != wanted:
            place = next(
                (i for i, pair in enumerate(zip(data, wanted, strict=False)) if pair[0] != pair[1]), len(wanted)
            )
            raise Broken(f"at {self.end + place}: got {data[place:][:40]!r}, expected {wanted[place:][:40]!r}")


def bearer(token: str) -> dict[str, str]:
    """The header that carries a token, if there is one."""
    return {"Authorization": f"Bearer {token}"} if token else {}
