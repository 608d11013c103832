"""What the service asks of a store, whichever engine keeps it: the segments beside it, or ClickHouse."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from msgspec import Struct

from gestalt_contracts.bell import Bell
from gestalt_telemetry.queries import timed
from gestalt_telemetry.queries.logs import Wanted
from gestalt_telemetry.queries.series import Found
from gestalt_telemetry.queries.shown import Shown
from gestalt_telemetry.store.wire import Done, State, Write

PAGE = 500
"""Records of a stream that are read at once."""


class SeriesWanted(Struct, frozen=True):
    """A metric over time. `step`: ns; `wanted`: its data points, chosen by their own time."""

    wanted: timed.Wanted
    step: int
    aggregation: str


class Line(Struct, frozen=True):
    """A log record of a stream: its JSON, and its text, case-folded."""

    id: int
    level: int
    session: str
    uid: str
    json: bytes
    text: str

    def of_session(self, session: str) -> bool:
        """Whether it is of the session with that id or uid."""
        return session in {self.session, self.uid}


class Keeping(Protocol):
    """What commits, and how it is."""

    ready: asyncio.Event
    state: State | None
    restarts: int
    last_exit: str
    """When it ended last, and how; empty before."""
    pid: int

    @property
    def backlog(self) -> int:
        """Bytes handed over and not answered yet."""
        ...


class Store(Protocol):
    """Enter `running`; then `write`, and ask. `bell` rings whenever there may be more to read.

    Questions raise StoreUnreadable and TookTooLong. What is asked for as bytes is a JSON array and a line feed.
    """

    bell: Bell

    @property
    def writer(self) -> Keeping:
        """What commits."""
        ...

    @property
    def last_log(self) -> int:
        """The newest log id; 0 before the first."""
        ...

    def running(self) -> AbstractAsyncContextManager[Store]:
        """Keep it open."""
        ...

    async def write(self, write: Write) -> Done:
        """Store something; what became of it, once it is committed. Raises WriterAway, WriterBehind, TimeoutError."""
        ...

    async def logs(self, wanted: Wanted, limit: int) -> bytes:
        """The last `limit` that match, oldest first."""
        ...

    async def histogram(self, wanted: Wanted, step: int) -> list[dict[str, Any]]:
        """Logs counted by level for each `step` ns, whole minutes."""
        ...

    async def spans(self, wanted: timed.Wanted, limit: int) -> bytes:
        """The last `limit` that match by their start, oldest first."""
        ...

    async def metrics(self, wanted: timed.Wanted, limit: int) -> bytes:
        """The last `limit` that match by the time of their newest point, oldest first."""
        ...

    async def trace(self, trace_id: bytes) -> list[Shown]:
        """The spans of one trace, by start; one that was sent twice once."""
        ...

    async def series(self, asked: SeriesWanted) -> Found:
        """A metric over time, a series for each set of attributes. Raises TookTooLong rather than leave points out."""
        ...

    async def usage(self, since: int | None, until: int | None) -> list[dict[str, Any]]:
        """Tokens and cost of each session."""
        ...

    async def lines_after(self, after: int) -> list[Line]:
        """The next records of a stream from a place on, a page of them."""
        ...

    async def oldest_log(self) -> int | None:
        """The smallest id that is kept."""
        ...

    async def last_before(self, arrival: int) -> int:
        """The id that all records arrived since `arrival` (Unix ms) come after."""
        ...

    async def size(self) -> int:
        """Bytes on disk."""
        ...
