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


class FlowNames(Struct, frozen=True):
    """The keys of flow-service: a hash tag of their own, since its scripts touch nobody else's keys."""

    namespace: str = "gestalt"

    def key(self, *words: str) -> str:
        """`{namespace:flow}:word:word…`: the general form; use the named ones below outside this class."""
        return ":".join(("{" + self.namespace + ":flow}", *words))

    @property
    def saved(self) -> str:
        """Counter of saved configurations: replicas look at it before they match."""
        return self.key("saved")

    def run(self, run_id: str) -> str:
        """Hash: one run: event, verdicts, activities, attempts."""
        return self.key("run", run_id)

    @property
    def runs(self) -> str:
        """Sorted set of all run ids, which sort by time."""
        return self.key("runs")

    def runs_by(self, what: str, value: str) -> str:
        """Sorted set of the run ids of one status, trigger, session or event."""
        return self.key("runs", what, value)

    @property
    def evaluations(self) -> str:
        """Capped stream: events that some flow of their type did not fire on."""
        return self.key("evaluations")

    @property
    def revisions(self) -> str:
        """Sorted set of the configurations that evaluations name, by when they last held (Unix seconds)."""
        return self.key("revisions")

    @property
    def revision(self) -> str:
        """Hash: each of those configurations, whole."""
        return self.key("revision")

    @property
    def ready(self) -> str:
        """Stream of activities that may run now; the group `executors` reads it."""
        return self.key("ready")

    @property
    def delayed(self) -> str:
        """Sorted set of activities that are tried again, by when (Unix milliseconds)."""
        return self.key("delayed")

    def order(self, session: str) -> str:
        """List of the activities that wait their turn for one session."""
        return self.key("order", session)

    @property
    def timers(self) -> str:
        """Sorted set of timers by when they are due (Unix milliseconds)."""
        return self.key("timers")

    @property
    def timer(self) -> str:
        """Hash: what each timer is about."""
        return self.key("timer")

    @property
    def doings(self) -> str:
        """Hash: what flows have set to work and where, by session or run. It goes a day after the last."""
        return self.key("doings")

    def cooldown(self, flow_and_group: str) -> str:
        """A string with PX: the flow rests."""
        return self.key("cooldown", flow_and_group)

    def throttle(self, flow_and_group: str) -> str:
        """Sorted set of the runs that count for a throttle, with a TTL."""
        return self.key("throttle", flow_and_group)
