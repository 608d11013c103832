"""The life of a session, as a table: who reads the code, and the tests, look here for what may follow what."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """Contract §3. `unreachable` and `lost` are the directory's judgement, never a worker's own word."""

    STARTING = "starting"
    RUNNING = "running"
    CLOSING = "closing"
    CLOSED = "closed"


class Happening(StrEnum):
    """What moves a session on."""

    STARTED = "started"
    FAILED = "failed to start"
    DELETED = "deleted"
    ENDED = "ended"


TABLE: dict[tuple[Status, Happening], Status] = {
    (Status.STARTING, Happening.STARTED): Status.RUNNING,
    (Status.STARTING, Happening.FAILED): Status.CLOSED,
    (Status.STARTING, Happening.DELETED): Status.CLOSING,
    (Status.CLOSING, Happening.STARTED): Status.CLOSING,  # deleted while it started
    (Status.CLOSING, Happening.FAILED): Status.CLOSED,
    (Status.RUNNING, Happening.DELETED): Status.CLOSING,
    (Status.RUNNING, Happening.ENDED): Status.CLOSED,
    (Status.CLOSING, Happening.DELETED): Status.CLOSING,  # asking twice is asking once
    (Status.CLOSING, Happening.ENDED): Status.CLOSED,
    (Status.CLOSED, Happening.DELETED): Status.CLOSED,
}


def after(status: Status, happening: Happening) -> Status:
    """The state that follows. Raises ValueError for what cannot happen."""
    try:
        return TABLE[status, happening]
    except KeyError:
        raise ValueError(f"a session that is {status} cannot have {happening}") from None
