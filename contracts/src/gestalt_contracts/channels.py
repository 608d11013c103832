"""Every Redis name, spelled once (architecture §3). Nothing else in the project builds a key.

All names share the hash tag `{namespace}`, so one script may touch any of them, on a cluster too.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Stream(StrEnum):
    """A bus channel: a Redis stream and the pub/sub channel of the same name."""

    EVENTS = "events"
    LOGS = "logs"
    NOTIFICATIONS = "notifications"


KEPT: dict[Stream, int] = {
    Stream.EVENTS: 20_000,  # some hours of a busy workspace; file events dominate
    Stream.LOGS: 10_000,  # batches, not records: the stream bridges a restart of telemetry-service
    Stream.NOTIFICATIONS: 2_000,  # a person reads them
}
"""About how many entries each stream keeps (XADD MAXLEN ~)."""

INTAKE_KEPT = 100_000
"""Events that flows have not processed yet; what this cap drops is counted and told."""

INTAKE_GROUP = "flow"
"""The consumer group on the intake; the publisher creates it at 0, so nothing is missed before the first consumer."""


class Names(Struct, frozen=True):
    """The keys of one Gestalt; two of them share a Redis by different namespaces."""

    namespace: str = "gestalt"

    def key(self, *words: str) -> str:
        """`{namespace}:word:word…`: the general form; use the named ones below outside this class."""
        return ":".join(("{" + self.namespace + "}", *words))

    def stream(self, stream: Stream) -> str:
        """A bus stream, and its pub/sub channel."""
        return self.key(stream.value)

    @property
    def intake(self) -> str:
        """What flows may fire on, until processed."""
        return self.key("intake")

    @property
    def intake_dropped(self) -> str:
        """How many entries the intake's cap has dropped."""
        return self.key("intake", "dropped")

    @property
    def summaries(self) -> str:
        """Pub/sub only: changed session and worker records."""
        return self.key("summaries")

    @property
    def workspace(self) -> str:
        """The id of the workspace this Redis belongs to."""
        return self.key("workspace")

    @property
    def epoch(self) -> str:
        """A random value set once: a Redis that was emptied gets another."""
        return self.key("epoch")

    @property
    def generation(self) -> str:
        """Counter of worker registrations: a lease holds its value, an older one is refused."""
        return self.key("generation")

    @property
    def workers(self) -> str:
        """Set of the worker ids that have a `worker:<id>` hash."""
        return self.key("workers")

    def worker(self, worker_id: str) -> str:
        """Hash without TTL: address, pid, capacity, load, state, times."""
        return self.key("worker", worker_id)

    def alive(self, worker_id: str) -> str:
        """The lease: a string with PX that holds the worker's generation."""
        return self.key("alive", worker_id)

    def service(self, name: str, instance: str) -> str:
        """Heartbeat hash with TTL of a service that is not a worker."""
        return self.key("service", name, instance)

    @property
    def services(self) -> str:
        """Sorted set: `<name>:<instance>` of every service by its last heartbeat (Unix seconds)."""
        return self.key("services")

    @property
    def sessions(self) -> str:
        """Sorted set: uids by creation time."""
        return self.key("sessions")

    def session(self, uid: str) -> str:
        """Hash: the record of one session, a tombstone after its end."""
        return self.key("session", uid)

    def name(self, session_id: str) -> str:
        """The claim of a session id: holds the uid that has it."""
        return self.key("name", session_id)

    def former(self, session_id: str) -> str:
        """The uid that last had a session id, for its retention time."""
        return self.key("former", session_id)

    def lease(self, task: str) -> str:
        """Who does a job that one process at a time may do."""
        return self.key("lease", task)

    def idempotency(self, digest: str) -> str:
        """The state of one Idempotency-Key."""
        return self.key("idempotency", digest)

    def login(self, digest: str) -> str:
        """A login session, by the hash of its cookie."""
        return self.key("login", digest)

    @property
    def logouts(self) -> str:
        """Pub/sub only: the hashes of login sessions that were ended."""
        return self.key("logouts")

    def ticket(self, digest: str) -> str:
        """A single-use ticket, by its hash."""
        return self.key("ticket", digest)

    def seen(self, uid: str, event_id: str) -> str:
        """A notify call already taken, for 24 h."""
        return self.key("seen", uid, event_id)
