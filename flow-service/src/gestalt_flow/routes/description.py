"""What the routes of this service take and answer, for the API's document (contract §6)."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

from gestalt_serving.description import Table, Told


class ActivityField(TypedDict):
    """One value of an activity's configuration; what says nothing is left out."""

    key: str
    label: str
    type: Literal["string", "bool", "int"]
    required: NotRequired[bool]
    default: NotRequired[Any]
    enum: NotRequired[list[str]]
    minimum: NotRequired[int]
    maximum: NotRequired[int]
    help: NotRequired[str]
    secret: NotRequired[bool]
    template: NotRequired[bool]


class Activity(TypedDict):
    """What a flow can do."""

    id: str
    label: str
    description: str
    fields: list[ActivityField]


class EventTypes(TypedDict):
    """What flows may fire on."""

    event_types: list[str]


class Binding(TypedDict):
    """An activity of a flow, and how it is to be done."""

    activity_id: str
    config: dict[str, Any]


class Throttle(TypedDict):
    """At most so many runs in a time."""

    limit: int
    per: str


class Schedule(TypedDict, total=False):
    """By the clock: `cron` (and `timezone`), or `every`."""

    cron: str
    every: str
    timezone: str
    misfire: str


Absence = TypedDict("Absence", {"for": str, "until": NotRequired[list[str]]})
"""What does not come: neither the event nor those of `until` for so long."""


class Trigger(TypedDict):
    """When a flow fires; keys beyond the first four only when they were given."""

    id: str
    label: str
    event_type: str
    where: dict[str, str]
    enabled: NotRequired[bool]
    match: NotRequired[list[dict[str, Any]]]
    debounce: NotRequired[str]
    throttle: NotRequired[Throttle]
    cooldown: NotRequired[str]
    schedule: NotRequired[Schedule]
    absence: NotRequired[Absence]
    group_by: NotRequired[str]


class FlowProblem(TypedDict):
    """What is wrong, and where."""

    path: str
    message: str


class WantedFlows(TypedDict, total=False):
    """All flows, as they are to be."""

    version: int
    triggers: list[Trigger]
    bindings_by_trigger_id: dict[str, list[Binding]]


class FlowConfig(TypedDict):
    """All flows, in order, and which files are set aside."""

    version: int
    triggers: list[Trigger]
    bindings_by_trigger_id: dict[str, list[Binding]]
    storage_path: str
    revision: str
    errors: list[FlowProblem]


class Validity(TypedDict):
    """Whether it could be saved."""

    valid: bool
    errors: list[FlowProblem]


class Verdict(TypedDict):
    """A condition and what it said; `actual` is null when the field is absent. `of`: the parts of a group."""

    field: str
    op: str
    expected: Any
    actual: str | None
    matched: bool
    of: NotRequired[list[Verdict]]


class Run(TypedDict):
    """A run in the list; of a flow that did not fire, with its `conditions`."""

    id: str
    status: Literal["queued", "running", "succeeded", "failed", "held", "not_matched"]
    event_id: str
    event_type: str
    trigger_id: str
    session_id: str | None
    started_at: str
    revision: str
    finished_at: NotRequired[str | None]
    depth: NotRequired[int]
    error: NotRequired[str]
    conditions: NotRequired[list[Verdict]]


class Attempt(TypedDict):
    """One try."""

    started_at: str
    duration_ms: int | None
    status_code: int | None
    error: str | None
    interrupted: NotRequired[bool]


class RunActivity(TypedDict):
    """An activity of a run."""

    activity_id: str
    status: str
    rendered: dict[str, Any]
    attempts: list[Attempt]
    result: dict[str, str]


class WholeRun(Run):
    """A run by itself."""

    event: dict[str, Any]
    activities: list[RunActivity]
    cause: NotRequired[dict[str, Any] | None]


class Runs(TypedDict):
    """A page, newest first."""

    runs: list[Run]
    next_before: str | None


class RunsQuery(TypedDict, total=False):
    """Which runs; `matched=false`: of flows that did not fire."""

    status: str
    trigger_id: str
    event_id: str
    event_type: str
    session_id: str
    matched: Literal["true", "false"]
    limit: int
    before: str


class TriedActivity(TypedDict):
    """What an activity would be given."""

    activity_id: str
    rendered: dict[str, Any]


class Tried(TypedDict):
    """What one flow would do."""

    trigger_id: str
    matched: bool
    conditions: list[Verdict]
    activities: list[TriedActivity]


class Trial(TypedDict):
    """Every flow's verdict."""

    triggers: list[Tried]


class TrialOrder(TypedDict, total=False):
    """An event or the id of one; flows other than the saved ones, also as a bundle's YAML."""

    event: dict[str, Any]
    event_id: str
    config: WantedFlows | str


TABLE: Table = {
    "GET /api/flow/activities": Told(list[Activity]),
    "GET /api/flow/event-types": Told(EventTypes),
    "GET /api/flow/config": Told(FlowConfig),
    "PUT /api/flow/config": Told(FlowConfig, body=WantedFlows),
    "GET /api/flow/config/export": Told(str, media="application/yaml"),
    "POST /api/flow/config/import": Told(FlowConfig, body=str),
    "POST /api/flow/config/validate": Told(Validity, body=WantedFlows),
    "GET /api/flow/runs": Told(Runs, query=RunsQuery),
    "GET /api/flow/runs/{run_id}": Told(WholeRun),
    "POST /api/flow/runs/{run_id}/retry": Told(Run, status=202),
    "POST /api/flow/test": Told(Trial, body=TrialOrder),
}
