"""From an event to what is to be done about it. Pure: no clock but the event's, nothing is sent anywhere."""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec import UNSET, Struct

from gestalt_contracts.events import Event
from gestalt_flow.catalogue import BY_ID, ORDERED, QUEUE
from gestalt_flow.clock import milliseconds_of
from gestalt_flow.fields import event_id_of, fields_of
from gestalt_flow.matching import Index, Matcher
from gestalt_flow.model import SCHEDULED, Binding, Fields, Flow
from gestalt_flow.records import FAILED, QUEUED, SUCCEEDED, ActivityRecord, Head, run_id_of
from gestalt_flow.targets import target_of
from gestalt_flow.templates import render, wants_output
from gestalt_flow.validation import absence_of, pause_of, throttle_of

DEEPEST_CAUSE = 8
"""Flows that may lead to one another before the chain counts as a loop."""
PERSON_MS = 5_000
"""Between two saves of a person, over a while."""
PATIENCE = 5


class Seen(Struct, frozen=True):
    """An event at its place in the bus: `moment` (milliseconds) and `sequence` are its id there."""

    event: Event
    moment: int
    sequence: int
    fields: Fields
    event_id: str

    @property
    def occurred(self) -> int:
        """The event's own time, milliseconds."""
        return milliseconds_of(self.event.occurred_at)


class Gates(Struct, frozen=True):
    """What may hold a run back; zeros hold nothing."""

    group: str = ""
    cooldown: int = 0
    limit: int = 0
    window: int = 0


class Plan(Struct, frozen=True):
    """A run that is to be written. `orders`: for each activity, the session whose turn it must wait for, or ''."""

    id: str
    status: str
    head: Head
    activities: tuple[ActivityRecord, ...]
    orders: tuple[str, ...]
    gates: Gates


def seen(event: Event, bus_id: str) -> Seen:
    """An event as flows see it."""
    moment, _, sequence = bus_id.partition("-")
    fields = fields_of(event)
    return Seen(event, int(moment), int(sequence or 0), fields, event_id_of(event, fields))


def group_of(flow: Flow, fields: Fields) -> str:
    """The value that a flow's pacing counts by."""
    by = flow.trigger.group_by
    return "" if by is UNSET else fields.get(by.strip().lower(), "")


def gates_of(flow: Flow, group: str) -> Gates:
    """What may hold a run of this flow back."""
    trigger = flow.trigger
    cooldown = 0 if trigger.cooldown is UNSET else pause_of(trigger.cooldown)
    limit, window = (0, 0) if trigger.throttle is UNSET else throttle_of(trigger.throttle)
    return Gates(f"{flow.id}/{group}", cooldown, limit, window)


def plan(matcher: Matcher, what: Seen, revision: str, *, limit: int = DEEPEST_CAUSE) -> Plan:
    """The run of one flow for one event. A chain of causes that is too long is written down as stopped."""
    flow = matcher.flow
    depth = (what.event.cause.depth if what.event.cause else 0) + 1
    loop = loop_in(what, depth, limit)
    group = group_of(flow, what.fields)
    head = Head(
        event_id=what.event_id,
        trigger_id=flow.id,
        event=what.event,
        revision=revision,
        conditions=tuple(matcher.verdicts(what.fields)),
        session_id=what.event.session_id,
        depth=depth,
        error=loop,
    )
    run_id = run_id_of(what.moment, what.sequence, flow.id, group)
    if loop is not None:
        return Plan(run_id, FAILED, head, (), (), Gates())
    activities = tuple(activity(binding, flow.id, what) for binding in flow.bindings)
    orders = tuple(order_of(record) for record in activities)
    status = QUEUED if activities else SUCCEEDED
    return Plan(run_id, status, head, activities, orders, gates_of(flow, group))


def loop_in(what: Seen, depth: int, limit: int) -> str | None:
    """Why a chain of causes is taken for a loop; None when it is not.

    Where a link is inferred a person may have saved the file: a chain at a person's pace may be PATIENCE times as long.
    """
    cause = what.event.cause
    if cause is None or depth <= limit:
        return None
    told = f"stopped: {depth - 1} flows have led to this event, and the limit is {limit}"
    if not cause.inferred:
        return told
    if what.occurred - cause.since >= (depth - 1) * PERSON_MS and depth <= limit * PATIENCE:
        return None
    return f"{told}; what changed is taken to be the doing of {cause.inferred}, which was at work for a flow"


def activity(binding: Binding, trigger_id: str, what: Seen) -> ActivityRecord:
    """An activity with its templates filled in, but for output that is not looked at yet."""
    known = ids_of(what.event_id, trigger_id, binding.activity_id)
    config = dict(binding.config or {})
    templates = {key: config.pop(key) for key in BY_ID[binding.activity_id].templates if config.get(key)}
    rendered = {
        key: render(template, known, what.fields, target_of(binding.activity_id, key, template, config))
        for key, template in templates.items()
    }
    waiting = {key: template for key, template in templates.items() if wants_output(template)}
    return ActivityRecord(activity_id=binding.activity_id, config=config, rendered=rendered, templates=waiting)


def ids_of(event_id: str, trigger_id: str, activity_id: str) -> dict[str, str]:
    """What templates know beside the event."""
    return {"event_id": event_id, "trigger_id": trigger_id, "activity_id": activity_id}


def order_of(record: ActivityRecord) -> str:
    """The session that an activity types into or stops; '' for all others.

    What waits for a session to be free has a line of its own, in which nothing waits that must not wait so long.
    """
    if record.activity_id not in ORDERED:
        return ""
    session = str(record.config.get("target_session_id") or "").strip()
    session = session or str(record.config.get("target_agent_name") or "").strip()
    return f"{session}/{QUEUE}" if session and record.config.get("when_busy") == QUEUE else session


class Waits(Struct, frozen=True):
    """A timer that an event sets for a flow."""

    id: str
    kind: str
    flow: str
    due: int
    at: int


class Outcome(Struct, frozen=True):
    """What one event leads to."""

    plans: tuple[Plan, ...] = ()
    waits: tuple[Waits, ...] = ()
    ends: tuple[str, ...] = ()
    unmatched: bool = False


def outcome_of(index: Index, what: Seen, revision: str, *, limit: int = DEEPEST_CAUSE) -> Outcome:
    """Everything that one event leads to: runs, timers that are set and timers that are ended."""
    matching = index.matching(what.fields)
    plans = [plan(found, what, revision, limit=limit) for found in matching if not _waits(found)]
    waits = [_wait(found, what) for found in matching if _waits(found)]
    ends = [_timer("absence", found.flow, what.fields) for found in index.ended_by(what.fields)]
    unmatched = len(matching) < index.count_of(what.fields.get("type", ""))
    return Outcome(tuple(plans), tuple(waits), tuple(ends), unmatched)


def _waits(matcher: Matcher) -> bool:
    trigger = matcher.flow.trigger
    return trigger.debounce is not UNSET or trigger.absence is not UNSET


def _wait(matcher: Matcher, what: Seen) -> Waits:
    trigger = matcher.flow.trigger
    if trigger.absence is not UNSET:
        pause, _ = absence_of(trigger.absence)
        name = _timer("absence", matcher.flow, what.fields)
        return Waits(name, "absence", matcher.flow.id, what.occurred + pause, what.occurred)
    due = what.moment + pause_of(trigger.debounce)
    return Waits(_timer("debounce", matcher.flow, what.fields), "debounce", matcher.flow.id, due, what.moment)


def _timer(kind: str, flow: Flow, fields: Fields) -> str:
    return f"{kind}/{flow.id}/{group_of(flow, fields)}"


def scheduled_event(flow: Flow, due: int) -> Event:
    """The event that a clock makes."""
    moment = datetime.fromtimestamp(due / 1000, UTC)
    return Event(type=SCHEDULED, topic="flow", occurred_at=moment, data={"flow": flow.id})
