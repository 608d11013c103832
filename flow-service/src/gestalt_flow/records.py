"""What is kept of a run: its event, why it fired, what each activity was given and how each attempt went."""

from __future__ import annotations

import hashlib
from typing import Any

from msgspec import Struct

from gestalt_contracts.events import Cause, Event
from gestalt_flow.clock import milliseconds_of
from gestalt_flow.conditions import Verdict

QUEUED, RUNNING, SUCCEEDED, FAILED = "queued", "running", "succeeded", "failed"
STATUSES = (QUEUED, RUNNING, SUCCEEDED, FAILED)
SKIPPED = "skipped"
UNMATCHED = "n-"
"""Ids of evaluations that did not match begin so."""


class Attempt(Struct, frozen=True, omit_defaults=True):
    """One try. `interrupted`: its replica died in it; nobody knows how far it came."""

    started_at: int
    duration_ms: int | None = None
    status_code: int | None = None
    error: str | None = None
    interrupted: bool = False


class ActivityRecord(Struct, frozen=True, omit_defaults=True):
    """One activity of a run. `budget_from`: attempts before it belong to an earlier round.

    `rendered`: its texts; `templates`: those of them that wait for a session's output; `settled`: those that are given
    exactly so, at each attempt.
    """

    activity_id: str
    config: dict[str, Any] = {}
    rendered: dict[str, str] = {}
    templates: dict[str, str] = {}
    settled: tuple[str, ...] = ()
    status: str = QUEUED
    attempts: tuple[Attempt, ...] = ()
    budget_from: int = 0
    result: dict[str, str] = {}
    waiting_since: int | None = None


class Head(Struct, frozen=True, omit_defaults=True):
    """What never changes about a run. `depth`: how many flows led here, this one counted."""

    event_id: str
    trigger_id: str
    event: Event
    revision: str
    conditions: tuple[Verdict, ...] = ()
    session_id: str | None = None
    depth: int = 1
    error: str | None = None

    @property
    def cause(self) -> Cause:
        """What its activities lead to is led to by it."""
        before = self.event.cause
        since = (before.since if before else 0) or milliseconds_of(self.event.occurred_at)
        return Cause(self.event_id, self.depth, since, before.inferred if before else "")


class Run(Struct, frozen=True):
    """A run as it is stored. `retried`: what last had it tried again, if that has a name."""

    id: str
    status: str
    head: Head
    started_at: int
    finished_at: int | None = None
    retried: str = ""
    activities: tuple[ActivityRecord, ...] = ()


def run_id_of(moment: int, sequence: int, trigger_id: str, group: str = "") -> str:
    """The id of the run of one event and one trigger: the same whoever computes it; sorts by time."""
    digest = hashlib.sha256(f"{trigger_id}\0{group}".encode("utf-8", "surrogatepass")).hexdigest()[:10]
    return f"{moment:013d}-{sequence:06d}-{digest}"


def moment_of(run_id: str) -> int:
    """When a run began, milliseconds since 1970. Raises ValueError for what is no id of a run."""
    moment, sequence, digest = run_id.split("-")
    if not (len(moment) == 13 and sequence.isdigit() and len(digest) == 10):  # noqa: PLR2004 - as run_id_of writes it
        raise ValueError(run_id)
    return int(moment)
