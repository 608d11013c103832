"""The directory of workers and sessions: who lives, who owns what, which names are taken (architecture §5, Ownership).

A worker holds a lease and a generation; every write carries the generation and is refused when it is old.
`InMemoryDirectory` (directory_memory) and `RedisDirectory` (redis_directory) pass the same tests.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from msgspec import Struct

LEASE_MS = 3_000
"""How long a worker counts as alive after its last word; it renews each second, so two words may get lost."""


class DirectoryUnavailable(Exception):
    """Redis is away: nothing new may start; what runs goes on."""


class StaleGeneration(Exception):
    """The lease was lost: nothing was written. Register again, then write again."""


class WorkerRecord(Struct, frozen=True, kw_only=True):
    """A session worker as others see it. `state`: live, draining, or gone (its lease has run out or it has left)."""

    id: str
    address: str  # host:port of its HTTP server
    pid: int
    host: str
    capacity: int
    version: str
    started_at: float
    slot: str = ""
    generation: int = 0
    sessions: int = 0
    journal_bytes: int = 0  # of output that it keeps on disk
    state: str = "live"
    seen_at: float = 0.0
    gone_since: float | None = None


class SessionRecord(Struct, frozen=True, kw_only=True):
    """A session as others see it. `summary` is the public object of contract §3, ready to be sent.

    `status`: as in contract §3; unreachable and lost are the directory's own judgement over the owner's last word.
    `ended`: a tombstone: the session was deleted or has expired, its history may still be read.
    `end_requested`: somebody deleted it while its worker was away; the worker ends it when it returns.
    `token_hash`: of its program's token (session_tokens); no part of what is public.
    """

    uid: str
    id: str
    worker: str
    generation: int
    created_at: float
    status: str
    summary: dict[str, Any] = {}
    ended: bool = False
    end_requested: bool = False
    name_lost: bool = False  # a `lost` session whose id somebody else took meanwhile: its worker must end it
    token_hash: str = ""


class Taken(Struct, frozen=True):
    """The name is somebody's: their uid."""

    id: str
    uid: str


class Change(Struct, frozen=True):
    """Something in the directory changed; exactly one is set, or none: look at everything again (after a reconnect)."""

    session: SessionRecord | None = None
    removed: str | None = None  # the uid of a session that left the list
    worker: WorkerRecord | None = None


class Directory(Protocol):
    """All calls raise DirectoryUnavailable when Redis is away; writes raise StaleGeneration when the lease is lost."""

    async def register(self, worker: WorkerRecord, *, floor: int) -> WorkerRecord:
        """Take the lease with a new generation, higher than `floor` (the highest this slot ever had, kept on disk).

        A process that registers again is still draining if it was set so; another process says so by its `state`.
        """
        ...

    async def renew(self, worker: WorkerRecord) -> WorkerRecord:
        """Renew the lease, store load (`sessions`, `journal_bytes`), and read back `state`.

        Somebody may have set it to draining.
        """
        ...

    async def leave(self, worker: WorkerRecord) -> None:
        """Give the lease back (a clean stop): the worker is gone at once, its sessions unreachable."""
        ...

    async def drain(self, worker_id: str, *, draining: bool) -> WorkerRecord | None:
        """Set whether a worker takes new sessions; None for an unknown id."""
        ...

    async def workers(self) -> list[WorkerRecord]:
        """All known workers, by start time, `state` judged by their leases now."""
        ...

    async def claim(
        self, worker: WorkerRecord, uid: str, base: str, *, only: bool, created_at: float, token_hash: str = ""
    ) -> str | Taken:
        """Claim `<base> <n>` for `uid` and return it: the lowest free n, or, with `only`, n = 1 or Taken.

        An empty base leaves the number alone: the name of the Agents hub, which no title gives.

        A name whose session is lost is free: that session gets `name_lost`. A closed session of an `only` name is
        replaced: it leaves the list as a tombstone. Writes a `starting` record, so the claim is visible at once and
        the program's token is known before the program runs.
        Claiming again for the same uid gives the name it has.
        """
        ...

    async def adopt(self, worker: WorkerRecord, record: SessionRecord) -> bool:
        """Re-register a session that the worker holds (restart, lost lease, emptied Redis).

        False: its name is another's now, or it was ended meanwhile; the worker is to `end` it. What others asked for
        (`end_requested`) stays: look with `find`.
        """
        ...

    async def write(self, worker: WorkerRecord, records: Sequence[SessionRecord]) -> None:
        """Store changed records and tell them, in one step for each hundred of them.

        What is not on the list, because it was never claimed or adopted or was ended, is left as it is.
        """
        ...

    async def end(self, worker: WorkerRecord, uid: str, *, keep_seconds: float) -> None:
        """Take a session off the list; its tombstone answers for `keep_seconds`. Its name is free."""
        ...

    async def request_end(self, uid: str) -> bool:
        """DELETE while the owner is away: recorded as `closing` for its return. False: unknown or ended."""
        ...

    async def sessions(self) -> list[SessionRecord]:
        """The list, by creation; `status` is unreachable or lost where the owner is away."""
        ...

    async def find(self, ref: str) -> SessionRecord | None:
        """One session by uid or id, tombstones included (by id only until the id is used again)."""
        ...

    async def sweep(self, *, lost_after: float) -> None:
        """Mark sessions lost whose worker has been gone that long, and drop records of what has expired.

        Called every second or so by whoever holds the lease `sweep`; harmless when called by several. It tells a Change
        for each worker that it sees gone, and for each session that thereby becomes unreachable or lost; of very many
        it tells an empty one. Workers gone that long leave the list when they have no sessions; a session whose worker
        never comes back leaves it after a week.
        """
        ...

    async def hold(self, task: str, holder: str, *, milliseconds: int) -> bool:
        """Take or renew a lease on a job that one process at a time may do. False: it is another's."""
        ...

    async def release(self, task: str, holder: str) -> None:
        """Give a lease back before it runs out, if it is still the holder's."""
        ...

    async def bind_workspace(self, workspace_id: str) -> str:
        """Note whose data this is if nobody has; the id that stands there now."""
        ...

    async def service(self, name: str) -> dict[str, str]:
        """What the live instance of a service that is no worker says of itself; empty without one."""
        ...

    async def server_id(self) -> str:
        """Changes when Redis was restarted or emptied (run id and a marker key): re-register everything then."""
        ...

    def changes(self) -> AbstractAsyncContextManager[AsyncIterator[Change]]:
        """What changes from entering on; survives lost connections (then it yields an empty Change)."""
        ...
