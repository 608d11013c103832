"""Flows, runs and dry runs as lines for people. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from gestalt_cli.errors import CommandFailed
from gestalt_cli.table import cell

COLUMNS = ("id", "event_type", "when", "activities", "enabled", "label")
RUNS = ("id", "started_at", "status", "trigger_id", "event_type", "session_id", "error")
MISSED = ("id", "started_at", "trigger_id", "event_type", "why_not")
GROUPS = {"any": "any of", "all": "all of", "not": "not all of"}

Thing = Mapping[str, Any]


def of_config(config: Thing) -> Iterator[dict[str, Any]]:
    """Each flow of a configuration, with what is bound to it."""
    for trigger in config["triggers"]:
        yield {**trigger, "bindings": config["bindings_by_trigger_id"].get(trigger["id"], [])}


def line(flow: Thing) -> dict[str, Any]:
    """What of a flow fits on a line."""
    return {
        **flow,
        "when": "; ".join(when(flow)),
        "activities": ", ".join(binding["activity_id"] for binding in flow["bindings"]),
        "enabled": "yes" if flow.get("enabled", True) else "no",
    }


def when(flow: Thing) -> Iterator[str]:
    """The conditions of a flow and what it says of time, in words."""
    yield from (f"{field}={value}" for field, value in flow.get("where", {}).items())
    yield from map(condition, flow.get("match", ()))
    for key in ("schedule", "absence", "throttle"):
        if key in flow:
            yield " ".join([key, *(f"{name} {_words(value)}" for name, value in flow[key].items())])
    yield from (f"{key} {flow[key]}" for key in ("debounce", "cooldown", "group_by") if key in flow)


def _words(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def condition(rule: Thing) -> str:
    """A condition of `match`, in words."""
    op = str(rule.get("op", "eq"))
    if op in GROUPS:
        return f"{GROUPS[op]} ({'; '.join(map(condition, rule['of']))})"
    return asked(str(rule.get("field", "")), op, rule.get("value"))


def asked(field: str, op: str, value: object) -> str:
    """What a condition asks of a field."""
    if op == "exists":
        return f"{field} does not exist" if value is False else f"{field} exists"
    return f"{field} {op} {json.dumps(value, ensure_ascii=False)}"


def problem(found: Thing) -> str:
    """What is wrong, and where."""
    place = f"{found['path']}: " if found.get("path") else ""
    return cell(f"ERROR {place}{found['message']}")


def event(words: Sequence[str]) -> dict[str, str]:
    """An event of its type and `field=value` words. Raises CommandFailed."""
    if not words or "=" in words[0]:
        raise CommandFailed("gestalt flow test: name an event's type, or --event-id", exit_code=2)
    fields = {"type": words[0]}
    for word in words[1:]:
        name, equals, value = word.partition("=")
        if not equals:
            raise CommandFailed(f"gestalt flow test: fields are written name=value, {word!r} is not", exit_code=2)
        fields[name] = value
    return fields


def trial(triggers: Iterable[Thing]) -> Iterator[str]:
    """A dry run: each flow, whether it would fire, and why."""
    for trigger in triggers:
        yield f"{'fires' if trigger['matched'] else 'does not fire'}: {cell(trigger['trigger_id'])}"
        yield from conditions(trigger["conditions"])
        for activity in trigger["activities"]:
            yield f"  would do {activity['activity_id']}"
            yield from rendered(activity["rendered"])


def run_line(found: Thing) -> dict[str, Any]:
    """What of a run, or of a flow that did not fire, fits on a line."""
    missed = [condition for condition in found.get("conditions", ()) if not condition["matched"]]
    return {**found, "why_not": found.get("error") or "; ".join(map(verdict, missed))}


def run(found: Thing) -> Iterator[str]:
    """One run: what happened, why it fired, what was done and how each attempt went."""
    shown = ("id", "status", "trigger_id", "event_id", "started_at", "finished_at", "session_id", "revision", "error")
    for name in shown:
        if found.get(name):
            yield f"{name.replace('_', ' ')}: {cell(found[name])}"
    if found.get("cause"):
        yield cause(found["cause"])
    yield "event:"
    yield from rendered(found["event"])
    yield "conditions:"
    yield from conditions(found["conditions"])
    for activity in found["activities"]:
        yield f"{activity['activity_id']}: {activity['status']}"
        yield from rendered(activity["rendered"])
        yield from map(attempt, activity["attempts"])
        if activity["result"]:
            yield cell(f"  in session {activity['result']['session_id']} ({activity['result']['session_uid']})")


def cause(found: Thing) -> str:
    """How many flows led to a run's event, and how that is known."""
    inferred = f"; a file changed where {found['inferred']} was at work for one" if found["inferred"] else ""
    return cell(f"cause: event {found['event_id']}, {found['depth']} flows before this one{inferred}")


def conditions(found: Iterable[Thing], indent: str = "  ") -> Iterator[str]:
    """Each condition, whether it held, and what it was held against; below a group, those that it is made of."""
    for one in found:
        mark = f"{indent}{'+' if one['matched'] else '-'}"
        if one.get("of"):
            yield f"{mark} {GROUPS[one['op']]}"
            yield from conditions(one["of"], indent + "  ")
        else:
            yield f"{mark} {verdict(one)}"


def verdict(one: Thing) -> str:
    """A condition and what it was held against, in words. Of a group, the conditions that decided it."""
    if one.get("of"):
        deciding = [part for part in one["of"] if one["op"] != "all" or part["matched"] == one["matched"]]
        return f"{GROUPS[one['op']]} ({'; '.join(map(verdict, deciding))})"
    actual = "is not there" if one["actual"] is None else f"is {json.dumps(one['actual'], ensure_ascii=False)}"
    return cell(f"{asked(one['field'], one['op'], one['expected'])}: it {actual}")


def rendered(values: Thing) -> Iterator[str]:
    """What was given, a line each."""
    for name, value in values.items():
        yield f"    {name} = {cell(value if isinstance(value, str) else json.dumps(value))}"


def attempt(tried: Thing) -> str:
    """How one attempt went."""
    took = "" if tried["duration_ms"] is None else f" after {tried['duration_ms']} ms"
    told = cell(tried["error"] or "done")
    answer = "" if tried["status_code"] is None or tried["error"] else f", answered {tried['status_code']}"
    return f"  {tried['started_at']} {told}{took}{answer}"
