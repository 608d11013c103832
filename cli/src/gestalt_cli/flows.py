"""Flows, runs and dry runs as lines for people. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from gestalt_cli.errors import CommandFailed
from gestalt_cli.table import cell

COLUMNS = ("id", "event_type", "where", "activities", "enabled", "label")
RUNS = ("id", "started_at", "status", "trigger_id", "event_type", "session_id", "error")
MISSED = ("id", "started_at", "trigger_id", "event_type", "why_not")

Thing = Mapping[str, Any]


def of_config(config: Thing) -> Iterator[dict[str, Any]]:
    """Each flow of a configuration, with what is bound to it."""
    for trigger in config["triggers"]:
        yield {**trigger, "bindings": config["bindings_by_trigger_id"].get(trigger["id"], [])}


def line(flow: Thing) -> dict[str, Any]:
    """What of a flow fits on a line."""
    wheres = [f"{field}={value}" for field, value in flow.get("where", {}).items()]
    matches = [json.dumps(rule, ensure_ascii=False) for rule in flow.get("match", ())]
    return {
        **flow,
        "where": " ".join([*wheres, *matches]),
        "activities": ", ".join(binding["activity_id"] for binding in flow["bindings"]),
        "enabled": "yes" if flow.get("enabled", True) else "no",
    }


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
    yield "event:"
    yield from rendered(found["event"])
    yield "conditions:"
    yield from conditions(found["conditions"])
    for activity in found["activities"]:
        yield f"{activity['activity_id']}: {activity['status']}"
        yield from rendered(activity["rendered"])
        yield from map(attempt, activity["attempts"])


def conditions(found: Iterable[Thing]) -> Iterator[str]:
    """Each condition, whether it held, and what it was held against."""
    for condition in found:
        yield f"  {'+' if condition['matched'] else '-'} {verdict(condition)}"


def verdict(condition: Thing) -> str:
    """A condition in words."""
    actual = "is not there" if condition["actual"] is None else f"is {json.dumps(condition['actual'])}"
    return cell(f"{condition['field']} {condition['op']} {json.dumps(condition['expected'])}: it {actual}")


def rendered(values: Thing) -> Iterator[str]:
    """What was given, a line each."""
    for name, value in values.items():
        yield f"    {name} = {cell(value if isinstance(value, str) else json.dumps(value))}"


def attempt(tried: Thing) -> str:
    """How one attempt went."""
    took = "" if tried["duration_ms"] is None else f" after {tried['duration_ms']} ms"
    answer = "" if tried["status_code"] is None else f", answered {tried['status_code']}"
    return f"  {tried['started_at']} {cell(tried['error'] or 'done')}{took}{answer}"
